// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_text.c - hostile strings and what people type: escape_text() and the
 * parsers of util.h. Link with src/ but main.c, cmd_*.c, watch.c and
 * source_bpf.c.
 */
#include <stdint.h>
#include <string.h>

#include "../../src/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was escaped has no control left, and is what it says when read back by eye: no lone backslash. */
static void check_escaped(const char *s, size_t size)
{
	_cleanup_free_ char *shown = escape_text(s, size);

	if (!shown)
		return;
	for (const unsigned char *p = (const unsigned char *)shown; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			abort();
	for (const char *p = strchr(shown, '\\'); p; p = strchr(p + 2, '\\'))
		if (p[1] != '\\' && p[1] != 'x')
			abort();
	if (text_width(shown) > strlen(shown))
		abort();
}

static void check_parsers(const char *s)
{
	struct u32_list list = { NULL, 0 };
	_cleanup_free_ char *bad = NULL;
	unsigned int bits = 0;
	__u64 v = 0;

	if (!parse_container(s, &v, &bits) && (bits < 64 && v >> bits))
		abort();
	parse_u64(s, &v);
	parse_size(s, &v);
	parse_duration(s, &v);
	parse_u32_list(s, &list, &bad);
	if (list.n > U32_LIST_MAX)
		abort();
	u32_list_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *copy = strndup((const char *)data, size);
	char buf[ID_NAME_MAX];
	__u64 id = 0;

	if (!copy)
		return 0;
	escape_text_ascii(size % 2);
	check_escaped((const char *)data, size);
	check_parsers(copy);
	memcpy(&id, data, size < sizeof(id) ? size : sizeof(id));
	if (strlen(id_name(OBJ_CONTAINER, id, buf)) >= ID_NAME_MAX)
		abort();
	return 0;
}
