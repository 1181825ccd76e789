// SPDX-License-Identifier: GPL-2.0-only
/*
 * emit.c - the two records about an observation that more than one place says
 * (emit.h): what cannot be seen, and on which host and when this is.
 */
#include "emit.h"

#include <sys/utsname.h>
#include <time.h>

static int gap(source_fn fn, void *ctx, bool hooks_only, const char *what, const char *why)
{
	struct ev_gap e = EV_INIT(gap);

	e.hooks_only = hooks_only;
	EV_STRING(e.what, what);
	EV_STRING(e.why, why);
	return emit(fn, ctx, &e.h);
}

int emit_gap(source_fn fn, void *ctx, const char *what, const char *why)
{
	return gap(fn, ctx, false, what, why);
}

int emit_hooks_gap(source_fn fn, void *ctx, const char *what, const char *why)
{
	return gap(fn, ctx, true, what, why);
}

int emit_session(source_fn fn, void *ctx, const char *command, bool history)
{
	struct ev_session s = EV_INIT(session);
	struct utsname uts = {};
	struct timespec real;

	clock_gettime(CLOCK_REALTIME, &real);
	s.h.grade = GRADE_OBSERVED;
	s.realtime_ns = real.tv_sec * NSEC_PER_SEC + real.tv_nsec;
	s.history = s.charges = history;
	uname(&uts);
	EV_STRING(s.node, uts.nodename);
	EV_STRING(s.release, uts.release);
	read_line("/proc/sys/kernel/random/boot_id", s.boot_id, sizeof(s.boot_id));
	EV_STRING(s.version, FDPIN_VERSION);
	EV_STRING(s.command, command);
	return emit(fn, ctx, &s.h);
}
