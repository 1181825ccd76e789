// SPDX-License-Identifier: GPL-2.0-only
/*
 * types_proto.c - do the functions that programs attach to have the arguments that
 * they read? (types_own.h)
 *
 * The kernel does not ask: a program is given an array of words, and what it takes
 * them for is its own affair. vfio_pin_pages(), for one, had a list of page numbers
 * until 5.19 where it has an IOVA since.
 */
#include <bpf/btf.h>
#include <stdlib.h>
#include <string.h>

#include "types_own.h"

#include "../bpf/compat.h"

static const struct {
	const char *func, *takes;
} prototypes[] = {
#define P(func, takes) { #func, takes },
	PROTOTYPES(P)
#undef P
};

const char *types_takes(const char *func)
{
	for (size_t i = 0; i < sizeof(prototypes) / sizeof(*prototypes); i++)
		if (!strcmp(prototypes[i].func, func))
			return prototypes[i].takes;
	return NULL;
}

/* Without const, typedef and the like; NULL is void. */
static const struct btf_type *meant(const struct btf *btf, __u32 id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (t && (btf_is_mod(t) || btf_is_typedef(t) || btf_is_type_tag(t)))
		t = btf__type_by_id(btf, t->type);
	return t && btf_kind(t) != BTF_KIND_UNKN ? t : NULL;
}

static bool points_to(const struct btf *btf, const struct btf_type *pointer, const char *word, size_t len)
{
	const struct btf_type *t = meant(btf, pointer->type);
	const char *name;

	if (len == 1 && *word == '*')
		return true;
	if (!t || !(btf_is_composite(t) || btf_is_fwd(t)))
		return false;
	name = btf__name_by_offset(btf, t->name_off);
	return strlen(name) == len && !memcmp(name, word, len);
}

static bool is_word(const struct btf *btf, __u32 id, const char *word, size_t len)
{
	const struct btf_type *t = meant(btf, id);

	if (!t)
		return false;
	if (btf_is_ptr(t))
		return points_to(btf, t, word, len);
	if (!btf_is_int(t) && !btf_is_any_enum(t))
		return false;
	return len == 1 && t->size == (__u32)(*word - '0');
}

bool types_proto_fits(const struct btf *btf, __u32 func, const char *takes)
{
	const struct btf_type *t = btf__type_by_id(btf, func), *proto = t && btf_is_func(t) ? btf__type_by_id(btf, t->type) : NULL;
	unsigned int n = proto && btf_is_func_proto(proto) ? btf_vlen(proto) : 0, i = 0;

	if (!proto || !btf_is_func_proto(proto))
		return false;
	for (const char *word = takes; *word;) {
		size_t len = strcspn(word, " ");

		if (*word == '=')
			return i == n && is_word(btf, proto->type, word + 1, len - 1);
		if (*word == '+')
			return true;
		if (i >= n || !is_word(btf, btf_params(proto)[i++].type, word, len))
			return false;
		word += len;
		word += *word == ' ';
	}
	return i == n;
}
