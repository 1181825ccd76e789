// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_decode.c - record_decode() and every reader of a record's fields, on
 * any bytes. Link with src/ but main.c, cmd_*.c, watch.c and source_bpf.c.
 */
#include <stdint.h>
#include <string.h>

#include "../../src/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_fields(FILE *out, const struct record *r)
{
	for (unsigned int i = 0; i < r->ev->n_fields; i++) {
		const struct field *f = &r->ev->fields[i];
		char buf[40];

		if (f->kind == KIND_STR) {
			record_str(r, f, buf, sizeof(buf));
			if (strlen(buf) >= sizeof(buf))
				abort();
		} else {
			kind_value_name(f->kind, record_u64(r, f));
		}
		print_field(out, r, f);
	}
	print_sentence(out, r);
}

/* Bytes that begin with an even one are made a record of some type, as far as they reach. */
static void make_fit(uint8_t *p, size_t size)
{
	struct fdpin_hdr *h = (void *)p;

	for (; size >= sizeof(*h) && p[0] % 2 == 0; h = (void *)p) {
		const struct event *ev = schema_event(h->type % EV__max) ?: schema_event(EV_open);

		h->type = ev->type;
		h->size = ev->size;
		if (size < ev->size)
			break;
		p += ev->size;
		size -= ev->size;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *null;
	_cleanup_free_ uint64_t *copy = malloc(size + 8);
	uint8_t *p = (uint8_t *)copy;
	struct record r;

	if (!null)
		null = fopen("/dev/null", "w");
	if (!copy || !null)
		return 0;
	memcpy(copy, data, size);
	make_fit(p, size);
	while (size) {
		int used = record_decode(p, size, &r);

		if (used < 0)
			break;
		if (!used || used > (int)size || used % 8)
			abort();
		read_fields(null, &r);
		p += used;
		size -= used;
	}
	return 0;
}
