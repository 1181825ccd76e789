// SPDX-License-Identifier: GPL-2.0-only
/*
 * log.c - levels, the prefix, the hint line (log.h).
 *
 *	-q		errors
 *	(none)		and warnings, notices
 *	-v		and what was done and what could not be (info)
 *	-vv		and what libbpf warns of and tells (debug)
 *	-vvv		and libbpf's debug messages with the verifier's log (trace)
 */
#include "log.h"

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>

#include "util.h"

static enum log_level shown = LOG_NOTICE;
static char *last_error;

void log_set_verbosity(bool quiet, unsigned int verbose)
{
	if (verbose > LOG_TRACE - LOG_NOTICE)
		verbose = LOG_TRACE - LOG_NOTICE;
	shown = quiet ? LOG_ERROR : LOG_NOTICE + verbose;
}

bool log_enabled(enum log_level level)
{
	return level <= shown;
}

const char *log_last_error(void)
{
	return last_error;
}

static const char *prefix(enum log_level level)
{
	switch (level) {
	case LOG_NOTICE:
		return "";
	case LOG_WARNING:
		return "fdpin-trace: warning: ";
	default:
		return "fdpin-trace: ";
	}
}

static PRINTF_LIKE(2, 0) void say(enum log_level level, const char *fmt, va_list ap)
{
	_cleanup_free_ char *raw = NULL;
	char *text;

	if (vasprintf(&raw, fmt, ap) < 0) {
		raw = NULL;
		return;
	}
	text = escape_rest(raw, SIZE_MAX); /* names of files are anybody's */
	if (!text)
		return;
	if (log_enabled(level))
		fprintf(stderr, "%s%s\n", prefix(level), text);
	if (level != LOG_ERROR) {
		free(text);
		return;
	}
	free(last_error);
	last_error = text;
}

void log_at(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (!log_enabled(level))
		return;
	va_start(ap, fmt);
	say(level, fmt, ap);
	va_end(ap);
}

void log_hint(const char *fmt, ...)
{
	va_list ap;

	if (!log_enabled(LOG_WARNING))
		return;
	fputs("hint: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static PRINTF_LIKE(2, 0) int on_libbpf_print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	enum log_level ours = level == LIBBPF_DEBUG ? LOG_TRACE : LOG_DEBUG;

	if (!log_enabled(ours))
		return 0;
	fputs("fdpin-trace: ", stderr);
	return vfprintf(stderr, fmt, ap);
}

void log_take_over_libbpf(void)
{
	libbpf_set_print(on_libbpf_print);
}
