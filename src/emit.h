/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * emit.h - records that user space itself has to say: same bytes as those
 * that come out of the kernel, so that nothing right of schema.h can tell.
 */
#ifndef FDPIN_EMIT_H
#define FDPIN_EMIT_H

#include <stdio.h>
#include <string.h>

#include "source.h"
#include "util.h"

/* struct ev_gap gap = EV_INIT(gap); */
#define EV_INIT(name)                                                                                          \
	{                                                                                                      \
		.h = {.size = sizeof(struct ev_##name), .type = EV_##name, .grade = GRADE_INFERRED, .ts_ns = now_ns() } \
	}

/* A string field of a record that is zero there: cut to size, and then without an end. */
#define EV_STRING(field, s) ev_string(field, sizeof(field), s)

static inline void ev_string(char *field, size_t size, const char *s)
{
	for (size_t i = 0; i < size && s[i]; i++)
		field[i] = s[i];
}

/* Something that happened, not something about the observation, a look or a detail of another event. */
static inline bool is_event(const struct fdpin_hdr *h)
{
	switch (h->type) {
	case EV_session:
	case EV_gap:
	case EV_lost:
	case EV_look:
	case EV_end:
	case EV_stack:
		return false;
	default:
		return !h->look;
	}
}

static inline int emit(source_fn fn, void *ctx, const struct fdpin_hdr *h)
{
	struct record r = { .h = h, .ev = schema_event(h->type) };

	return fn(ctx, &r);
}

int emit_gap(source_fn fn, void *ctx, const char *what, const char *why);
/* One that leaves looks unharmed. */
int emit_hooks_gap(source_fn fn, void *ctx, const char *what, const char *why);
int emit_session(source_fn fn, void *ctx, const char *command, bool history);

#endif
