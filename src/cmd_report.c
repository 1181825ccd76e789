// SPDX-License-Identifier: GPL-2.0-only
/*
 * cmd_report.c - fdpin-trace report: a recording, read.
 *
 * The file is read twice: first for what it amounts to, which stands in the
 * heading and in the verdicts, then for its events, one by one.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd.h"
#include "log.h"
#include "pager.h"
#include "render.h"
#include "source.h"
#include "timeline.h"

static struct {
	const char *input, *output, *format;
	bool bytes;
	__u64 max_window;
} args = { .max_window = MAX_WINDOW_DEFAULT_NS };

static const struct opt rows[] = {
	HEADING("OUTPUT"),
	OPTION(OPT_STRING, 'i', "input", "FILE", &args.input, "the recording to read; - is standard input"),
	OPTION(OPT_STRING, 'o', "output", "FILE", &args.output, "write there; - is standard output"),
	OPTION(OPT_STRING, 0, "format", "FORMAT", &args.format, "text or json; help lists them"),
	OPTION(OPT_FLAG, 'b', "bytes", NULL, &args.bytes, "exact sizes"),
	HEADING("LIMITS"),
	OPTION(OPT_TIME, 0, "max-window", "TIME", &args.max_window, "how long a range may be invalid (5s)"),
	OPTIONS_END,
};

const struct opts cmd_report_opts = {
	.usage = "-i FILE [OPTIONS]",
	.what = "Shows the events of a recording and what they amount to. Needs neither the\n"
		"machine it was made on nor any rights.",
	.examples = "  fdpin-trace report -i db01.fdpin\n"
		    "  fdpin-trace report -i db01.fdpin -J -o db01.json\n"
		    "  fdpin-trace report -i db01.fdpin --format json | jq .verdicts\n",
	.rows = rows,
};

struct report {
	struct output out;
	const struct format *format;
	struct view view;
	struct model *model;
	struct timeline timeline;
	char path[PATH_MAX]; /* what is read */
	bool oom;
};

/* ---- what is read twice ------------------------------------------------------------ */

static int ignore(void *ctx, const struct record *r)
{
	(void)ctx;
	(void)r;
	return 0;
}

/* Fills buf if it can: length, or -errno. */
static ssize_t read_full(int fd, char *buf, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t n = read(fd, buf + have, size - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		have += n;
	}
	return have;
}

/* What begins like no recording is not read to its end, which it may not have. */
static int copy_recording(int from, int to, const char *copy)
{
	char buf[65536];
	bool first = true;
	ssize_t n;
	int err;

	while ((n = read_full(from, buf, sizeof(buf))) > 0) {
		if (write(to, buf, n) != n)
			return -ENOSPC;
		err = first ? replay_file(copy, ignore, NULL) : 0;
		if (err == -ENODATA || err == -EPROTO)
			return err;
		first = false;
	}
	return n;
}

/* Where to read as often as one likes: the file itself, or for a pipe a copy in memory, which stays open to the end. */
static int find_input(char ret_path[PATH_MAX])
{
	_cleanup_close_ int opened = -1;
	int in = STDIN_FILENO, copy;
	struct stat st;

	snprintf(ret_path, PATH_MAX, "%s", strcmp(args.input, "-") ? args.input : "/proc/self/fd/0");
	if (strcmp(args.input, "-")) {
		opened = in = open(args.input, O_RDONLY | O_CLOEXEC);
		if (in < 0)
			return -errno;
	}
	if (fstat(in, &st))
		return -errno;
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		return 0;
	copy = memfd_create("recording", MFD_CLOEXEC);
	if (copy < 0)
		return -errno;
	snprintf(ret_path, PATH_MAX, "/proc/self/fd/%d", copy);
	return copy_recording(in, copy, ret_path);
}

/* First reading. */
static int on_first(void *ctx, const struct record *r)
{
	struct report *p = ctx;

	if (model_apply(p->model, r))
		p->oom = true;
	if (p->format == &format_text && timeline_note(&p->timeline, p->model, r))
		p->oom = true;
	view_note(&p->view, r);
	p->view.tally.events++;
	return 0;
}

/* Second reading: what looks have read is no event, except what they could not. */
static int on_second(void *ctx, const struct record *r)
{
	struct report *p = ctx;

	if (r->h->look && r->h->type != EV_gap && r->h->type != EV_lost)
		return 0;
	return p->format->event(&p->out, &p->view, r);
}

static int bad_input(int err)
{
	switch (err) {
	case -ENODATA:
		log_error("'%s' is not a recording", args.input);
		return EX_DATAERR;
	case -EPROTO:
		log_error("'%s' was recorded by another version of fdpin-trace", args.input);
		return EX_DATAERR;
	case -EBADMSG:
		log_warning("'%s' has bad bytes in it; what comes before them is shown", args.input);
		return EX_DATAERR;
	default:
		log_error("cannot read '%s': %s", args.input, strerror(-err));
		return EX_NOINPUT;
	}
}

static int show(struct report *p)
{
	struct findings findings = {};
	const struct limits limits = { .max_window_ns = args.max_window };
	int err = verdicts_judge(p->model, &limits, &findings);
	struct pager pager;

	p->view.findings = &findings;
	p->view.lost = model_lost(p->model);
	pager = pager_begin(&p->out);
	if (!err)
		err = p->format->begin(&p->out, &p->view);
	if (!err) {
		err = replay_file(p->path, on_second, p);
		if (err == -EBADMSG)
			err = 0; /* told after the first reading */
	}
	if (!err)
		err = p->format->end(&p->out, &p->view);
	pager_end(&pager, &p->out);
	findings_free(&findings);
	if (err || p->oom) {
		log_error("%s", err && err != -ENOMEM ? strerror(-err) : "out of memory");
		return EX_OSERR;
	}
	return EX_OK;
}

static int report(struct report *p)
{
	int err, status = EX_OK;

	p->model = model_new();
	if (!p->model) {
		log_error("out of memory");
		return EX_OSERR;
	}
	p->view = (struct view){
		.kind = VIEW_REPORT,
		.file = args.input,
		.model = p->model,
		.timeline = &p->timeline,
		.bytes = args.bytes,
		.details = globals.verbose,
	};
	err = replay_file(p->path, on_first, p);
	if (err)
		status = bad_input(err);
	if (!err || err == -EBADMSG)
		status = show(p) ?: status;
	timeline_free(&p->timeline);
	model_free(p->model);
	return status;
}

/* To open it as output would empty it before it is read. */
static bool is_output(const char *input)
{
	struct stat in, out;

	if (!args.output || !strcmp(args.output, "-") || stat(args.output, &out) || !S_ISREG(out.st_mode))
		return false;
	if (strcmp(input, "-") ? stat(input, &in) : fstat(STDIN_FILENO, &in))
		return false;
	return in.st_dev == out.st_dev && in.st_ino == out.st_ino;
}

int cmd_report(int argc, char **argv)
{
	struct report p = { .format = &format_text };
	int r = opts_parse(&cmd_report_opts, argv[0], argc, argv, NULL);

	if (r)
		return r < 0 ? EX_OK : r;
	if (args.format && !strcmp(args.format, "help")) {
		format_list(stdout);
		return EX_OK;
	}
	if (globals.json != JSON_OFF)
		p.format = &format_json;
	if (args.format)
		p.format = format_find(args.format);
	if (!p.format || !args.input) {
		if (!p.format)
			log_error("unknown format '%s'", args.format);
		else
			log_error("which recording? give one with -i FILE");
		log_hint(p.format ? "fdpin-trace report --help" : "fdpin-trace report --format help");
		return EX_USAGE;
	}
	if (is_output(args.input)) {
		log_error("'%s' is the recording that is read: it would be lost", args.output);
		log_hint("give another file with -o");
		return EX_USAGE;
	}
	/* what was there is not given up for an input that is not there */
	r = find_input(p.path);
	if (r)
		return bad_input(r);
	if (output_open(&p.out, args.output))
		return EX_CANTCREAT;
	return output_close(&p.out, report(&p));
}
