/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * other.h - recordings of another schema, made by hand: the schema in words,
 * then records whose bytes are put one number or string at a time. Header
 * only; for unit tests and fuzzers.
 */
#ifndef FDPIN_OTHER_H
#define FDPIN_OTHER_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/schema.h"

#define OTHER_HEAD 32
#define OTHER_BYTES (256 * 1024)

struct other {
	_Alignas(8) unsigned char bytes[OTHER_BYTES];
	size_t len;
	size_t first; /* where the first record starts; 0: the schema is still being written */
	__u64 n;      /* records */
};

static inline struct other *other_new(void)
{
	struct other *o = calloc(1, sizeof(*o));

	if (!o)
		abort();
	o->len = OTHER_HEAD;
	return o;
}

__attribute__((format(printf, 2, 3))) static inline void other_line(struct other *o, const char *format, ...)
{
	size_t room = OTHER_BYTES - o->len;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf((char *)o->bytes + o->len, room, format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		abort();
	o->len += n;
}

/* The schema is complete: pad it, and put the head before it. */
static inline void other_begin(struct other *o)
{
	__u32 numbers[4] = { 0x01020304, 2 };

	while (o->len % 8)
		other_line(o, "\n");
	o->first = o->len;
	numbers[2] = schema_hash(o->bytes + OTHER_HEAD, o->len - OTHER_HEAD);
	numbers[3] = (__u32)o->first;
	memcpy(o->bytes, "FDPINREC", 8);
	memcpy(o->bytes + 8, numbers, sizeof(numbers));
}

static inline void other_put(struct other *o, const void *data, size_t len)
{
	if (len > OTHER_BYTES - o->len)
		abort();
	memcpy(o->bytes + o->len, data, len);
	o->len += len;
}

/* The lowest bytes of a number. */
static inline void other_number(struct other *o, __u64 v, size_t size)
{
	size_t skip = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? sizeof(v) - size : 0;

	other_put(o, (char *)&v + skip, size);
}

/* NUL-padded. */
static inline void other_str(struct other *o, const char *s, size_t size)
{
	char buf[1024] = "";

	if (size > sizeof(buf))
		abort();
	memcpy(buf, s, strlen(s) < size ? strlen(s) : size);
	other_put(o, buf, size);
}

/* A record's start, of a header that is as ours. */
static inline void other_header(struct other *o, unsigned int type, unsigned int size)
{
	struct fdpin_hdr h = { .size = size,
			       .type = type,
			       .ts_ns = 1000 + o->n,
			       .container = 0xa07b,
			       .tgid = 7,
			       .tid = 8,
			       .comm = "qemu" };

	o->n++;
	other_put(o, &h, sizeof(h));
}

/* An event and its fields as ours, with a number of its own. */
static inline void other_own(struct other *o, const struct event *ev, unsigned int type)
{
	other_line(o, "event %s %u %u\n", ev->name, type, ev->size);
	for (unsigned int i = 0; i < ev->n_fields; i++)
		other_line(o, "field %s %s %u %u %s\n", ev->fields[i].name, ev->fields[i].kind_name,
			   ev->fields[i].offset, ev->fields[i].size, ev->fields[i].is_signed ? "signed" : "unsigned");
}

static inline void other_end(struct other *o, unsigned int type)
{
	__u64 n = o->n;

	other_header(o, type, sizeof(struct ev_end));
	other_number(o, n, 8);
	other_number(o, 0, 8);
}

#endif
