// SPDX-License-Identifier: GPL-2.0-only
/*
 * cmd_record.c - fdpin-trace record: the same events as trace, to one file.
 *
 * The loop is in watch.c; this is its sink that writes. A look at the start
 * and one at the end go into the file too, so that a report knows the state
 * around the events.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sysexits.h>
#include <time.h>

#include "cmd.h"
#include "log.h"
#include "render.h"
#include "watch.h"

static struct {
	struct watch_options watch;
	const char *output;
	bool force;
} args = { .watch = { .command = "record", .look_around = true } };

static const struct opt rows[] = {
	WATCH_FILTER_OPTIONS(args.watch),
	HEADING("OUTPUT"),
	OPTION(OPT_STRING, 'o', "output", "FILE", &args.output, "write there (HOST-TIME.fdpin); - is standard output"),
	OPTION(OPT_FLAG, 'f', "force", NULL, &args.force, "overwrite FILE"),
	OPTION(OPT_FLAG, 0, "stacks", NULL, &args.watch.filter.stacks, "with the kernel stack of what blocks"),
	WATCH_LIMIT_OPTIONS(args.watch),
	WATCH_ADVANCED_OPTIONS(args.watch),
	OPTIONS_END,
};

const struct opts cmd_record_opts = {
	.usage = "[OPTIONS] [-- CMD...]",
	.what = "Writes events, and the state at the start and at the end, to a file that\n"
		"fdpin-trace report reads, here or elsewhere. Never overwrites without -f. With\n"
		"CMD, runs it, records what it and its children do, and ends with its status.",
	.examples = "  fdpin-trace record\n"
		    "  fdpin-trace record -o db01.fdpin -- live-update db01\n"
		    "  fdpin-trace record -p 20733 -d 1h -o db01.fdpin\n"
		    "  fdpin-trace report -i db01.fdpin\n",
	.rows = rows,
};

struct record_sink {
	struct recording *recording;
	const char *path;
	__u64 events; /* written, not made by looks */
	__u64 began, flushed;
	bool started;
	bool sync; /* a verdict was written */
};

static int on_record(void *ctx, const struct record *r)
{
	struct record_sink *s = ctx;

	s->events += !r->h->look;
	s->sync |= r->h->type == EV_verdict;
	return recording_write(s->recording, r);
}

static void on_start(void *ctx, int child_pid)
{
	struct record_sink *s = ctx;

	s->began = now_ns();
	s->started = true;
	if (child_pid)
		log_notice("fdpin-trace: recording to %s, command is PID %d", s->path, child_pid);
	else
		log_notice("fdpin-trace: recording to %s, Ctrl-C to end", s->path);
}

/* Whoever finds a hung host resets it: what was seen must be in the file by then. */
static int on_flush(void *ctx)
{
	struct record_sink *s = ctx;
	__u64 now = now_ns();
	bool sync = s->sync;

	if (!sync && now < s->flushed + NSEC_PER_SEC)
		return 0;
	s->flushed = now;
	s->sync = false;
	return recording_flush(s->recording, sync);
}

static char *default_path(void)
{
	struct utsname uts = {};
	time_t t = time(NULL);
	char stamp[32], *path;
	struct tm tm;

	uname(&uts);
	for (char *p = uts.nodename; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(".-", *p))
			*p = '_';
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", localtime_r(&t, &tm));
	return asprintf(&path, "%s-%s.fdpin", uts.nodename, stamp) < 0 ? NULL : path;
}

static void tell_end(const struct record_sink *s, const struct watch_result *result)
{
	char took[FORMAT_MAX], size[FORMAT_MAX] = "?";
	struct stat st;

	if (args.watch.argv && result->child_status >= 0)
		log_notice("fdpin-trace: %s exited %d after %s", args.watch.argv[0], result->child_status,
			   format_duration(now_ns() - s->began, took));
	if (strcmp(s->path, "-") && !stat(s->path, &st))
		format_bytes(st.st_size, size);
	log_notice("fdpin-trace: %llu events, %s written, %llu lost", s->events, size, result->lost);
}

static int record_to(const char *path)
{
	struct record_sink s = { .path = path };
	struct watch_sink sink = { on_record, on_start, on_flush, &s };
	struct watch_result result;
	struct model *model = NULL;
	int r, err;

	err = recording_create(&s.recording, path, args.force);
	if (err) {
		log_error("cannot create '%s': %s", path, strerror(-err));
		if (err == -EEXIST)
			log_hint("-f overwrites it");
		return EX_CANTCREAT;
	}
	model = model_new();
	if (!model) {
		recording_discard(s.recording, path);
		log_error("out of memory");
		return EX_OSERR;
	}
	r = watch_run(&args.watch, &sink, model, &result);
	if (s.started) {
		err = recording_close(s.recording, result.lost);
		if (err && err != -EPIPE) {
			log_error("cannot write '%s': %s", path, strerror(-err));
			r = EX_IOERR;
		}
		tell_end(&s, &result);
	} else {
		recording_discard(s.recording, path);
	}
	findings_free(&result.findings);
	model_free(model);
	return r;
}

int cmd_record(int argc, char **argv)
{
	_cleanup_free_ char *path = NULL;
	int r = opts_parse(&cmd_record_opts, argv[0], argc, argv, &args.watch.argv);

	if (r)
		return r < 0 ? EX_OK : r;
	path = args.output ? strdup(args.output) : default_path();
	if (!path) {
		log_error("out of memory");
		return EX_OSERR;
	}
	args.watch.stdout_is_ours = !strcmp(path, "-");
	return record_to(path);
}
