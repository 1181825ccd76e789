/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * log.h - what is said about our own work, on stderr, with a prefix.
 *
 * Libraries return -errno and say nothing; a command says it once, through
 * here. With -j the last error is also one JSON object on stdout, at the end.
 */
#ifndef FDPIN_LOG_H
#define FDPIN_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG, LOG_TRACE };

#define PRINTF_LIKE(a, b) __attribute__((format(printf, a, b)))

/* -q shows errors only; each -v one level more than notices. */
void log_set_verbosity(bool quiet, unsigned int verbose);
bool log_enabled(enum log_level level);

void log_at(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* "hint: …", what would help against the error just told. */
void log_hint(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Text of the last log_error(), or NULL. */
const char *log_last_error(void);

#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, __VA_ARGS__)
/* What goes on: "Tracing… Ctrl-C to end."; without prefix. */
#define log_notice(...) log_at(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

/* libbpf's messages, one level lower than libbpf thinks of them. */
void log_take_over_libbpf(void);

#endif
