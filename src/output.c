// SPDX-License-Identifier: GPL-2.0-only
/*
 * output.c - streams, colour, glyphs, and what a failed write means.
 *
 * EPIPE: the reader has seen enough; quiet, status 0. Anything else, such as
 * a full disk: told, EX_IOERR. A result that was not written was not given.
 */
#include "output.h"

#include <errno.h>
#include <json-c/json.h>
#include <langinfo.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>

#include "log.h"
#include "opts.h"

#define WIDTH_DEFAULT 80

static bool want_color(bool tty)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (globals.json != JSON_OFF || globals.color == COLOR_NEVER)
		return false;
	if (globals.color == COLOR_ALWAYS)
		return true;
	return tty && !(no && *no) && term && strcmp(term, "dumb");
}

int output_open(struct output *ret, const char *path)
{
	struct output o = { .f = stdout, .width = WIDTH_DEFAULT };
	struct winsize ws;
	int r;

	if (path && strcmp(path, "-")) {
		o.f = fopen(path, "we");
		if (!o.f) {
			r = -errno;
			log_error("cannot create '%s': %s", path, strerror(errno));
			return r;
		}
		o.own = true;
	}
	o.tty = isatty(fileno(o.f));
	o.color = want_color(o.tty);
	o.utf8 = !globals.ascii && !strcmp(nl_langinfo(CODESET), "UTF-8");
	escape_text_ascii(!o.utf8 && globals.json == JSON_OFF);
	if (o.tty && !ioctl(fileno(o.f), TIOCGWINSZ, &ws) && ws.ws_col >= 40)
		o.width = ws.ws_col;
	*ret = o;
	return 0;
}

bool output_broken(const struct output *o)
{
	return ferror(o->f);
}

/* Why a write failed whose errno is long gone. */
static int lost_errno(FILE *f)
{
	struct pollfd p = { .fd = fileno(f), .events = POLLOUT };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLERR) ? EPIPE : EIO;
}

static int flush(FILE *f, int status)
{
	static bool told;
	int err = 0;

	errno = 0;
	if (fflush(f) || ferror(f))
		err = errno ?: lost_errno(f);
	if (!err)
		return status;
	/* nobody reads on: no trouble of ours, and what --check or the command found stays found */
	if (err == EPIPE)
		return status;
	/* once: the second time its reason is gone */
	if (!told)
		log_error("cannot write: %s", strerror(err));
	told = true;
	return EX_IOERR;
}

int output_close(struct output *o, int status)
{
	bool broken;

	if (!o->f)
		return status;
	status = flush(o->f, status);
	if (!o->own)
		return status;
	broken = ferror(o->f);
	if (fclose(o->f) && !broken) {
		log_error("cannot write: %s", strerror(errno));
		status = EX_IOERR;
	}
	o->f = NULL;
	return status;
}

const char *paint(const struct output *o, enum paint p)
{
	static const char *const codes[] = {
		[PAINT_NONE] = "",	   [PAINT_BAD] = "\033[1;31m", [PAINT_WARN] = "\033[33m",
		[PAINT_GOOD] = "\033[32m", [PAINT_DIM] = "\033[2m",    [PAINT_BOLD] = "\033[1m",
	};

	return o->color ? codes[p] : "";
}

const char *unpaint(const struct output *o, enum paint p)
{
	return o->color && p != PAINT_NONE ? "\033[0m" : "";
}

const char *glyph(const struct output *o, const char *utf8, const char *ascii)
{
	return o->utf8 ? utf8 : ascii;
}

static void print_error_object(void)
{
	struct json_object *obj = json_object_new_object();

	if (!obj)
		return;
	json_object_object_add(obj, "error", json_object_new_string(log_last_error()));
	printf("%s\n", json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(obj);
}

int output_finish(int status)
{
	if (status && globals.json_errors && log_last_error() && !ferror(stdout))
		print_error_object();
	return flush(stdout, status);
}
