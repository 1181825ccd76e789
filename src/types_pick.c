// SPDX-License-Identifier: GPL-2.0-only
/*
 * types_pick.c - the part of the kernel's type information that programs are
 * adapted by (types_own.h). For each type that a program uses libbpf compares the
 * names of all types it is given: of 140,000 in a kernel a few thousand are left
 * here.
 *
 * An offset within a type depends on what it is made of, not on what it points to:
 * where a program follows a pointer, a new look-up begins, by the name of the type
 * that the program takes it for.
 */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "types_own.h"

#define DEPTH_MAX 64 /* types within types; type information that is not damaged has a few */

struct pick {
	struct btf *to;
	struct unit *const *units;
	int pointer; /* to void, for all of them */
};

static int copy(struct pick *p, struct unit *u, __u32 id, unsigned int depth);

/* What a copied type refers to, copied as well. Adding types moves those that are there: they are looked up again each time. */
static int copy_members(struct pick *p, struct unit *u, const struct btf_type *from, int id, unsigned int depth)
{
	for (__u16 i = 0; i < btf_vlen(from); i++) {
		int type = copy(p, u, btf_members(from)[i].type, depth);

		if (type < 0)
			return type;
		btf_members((struct btf_type *)btf__type_by_id(p->to, id))[i].type = type;
	}
	return 0;
}

static int copy_element(struct pick *p, struct unit *u, const struct btf_type *from, int id, unsigned int depth)
{
	int type = copy(p, u, btf_array(from)->type, depth), index = copy(p, u, btf_array(from)->index_type, depth);
	struct btf_array *array = btf_array((struct btf_type *)btf__type_by_id(p->to, id));

	if (type < 0 || index < 0)
		return type < 0 ? type : index;
	array->type = type;
	array->index_type = index;
	return 0;
}

static int copy_meant(struct pick *p, struct unit *u, const struct btf_type *from, int id, unsigned int depth)
{
	int type = copy(p, u, from->type, depth);

	if (type < 0)
		return type;
	((struct btf_type *)btf__type_by_id(p->to, id))->type = type;
	return 0;
}

static int copy_parts(struct pick *p, struct unit *u, const struct btf_type *from, int id, unsigned int depth)
{
	switch (btf_kind(from)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return copy_members(p, u, from, id, depth);
	case BTF_KIND_ARRAY:
		return copy_element(p, u, from, id, depth);
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_CONST:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		return copy_meant(p, u, from, id, depth);
	default:
		return 0;
	}
}

/* A type's id among the copies. Those of the kernel have the same number in each module. */
static int copy(struct pick *p, struct unit *u, __u32 id, unsigned int depth)
{
	struct unit *home = id < btf__type_cnt(p->units[0]->btf) ? p->units[0] : u;
	const struct btf_type *from = id ? btf__type_by_id(home->btf, id) : NULL;
	int to, err;

	if (!id)
		return 0;
	if (!from || depth == DEPTH_MAX)
		return -EINVAL;
	if (btf_is_ptr(from))
		return p->pointer;
	if (home->copies[id])
		return (int)home->copies[id];
	/* what has no size is no part of anything */
	if (btf_is_func_proto(from))
		return 0;
	to = btf__add_type(p->to, home->btf, from);
	if (to < 0)
		return to;
	home->copies[id] = to;
	err = copy_parts(p, home, from, to, depth + 1);
	return err ?: to;
}

static bool is_looked_up(const struct btf_type *t)
{
	return btf_is_composite(t) || btf_is_any_enum(t) || btf_is_typedef(t);
}

/* As libbpf has it: what follows the last three underscores tells apart several ideas of a type. */
static size_t essential_length(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = n; i > 4; i--)
		if (!strncmp(name + i - 4, "___", 3) && name[i - 5] != '_' && name[i - 1] != '_')
			return i - 4;
	return n;
}

/* An enumeration may be of 64 bits in the one and of 32 in the other. */
static int copy_all_named(struct pick *p, struct unit *u, const char *name, unsigned int kind)
{
	unsigned int also = kind == BTF_KIND_ENUM ? BTF_KIND_ENUM64 : kind == BTF_KIND_ENUM64 ? BTF_KIND_ENUM : kind;
	int found = 0;

	for (;; kind = also) {
		__u32 place = 0, id;

		while ((id = types_next(u, name, kind, &place))) {
			int err = copy(p, u, id, 0);

			if (err < 0)
				return err;
			found++;
		}
		if (kind == also)
			return found;
	}
}

bool types_essential_name(const struct btf *btf, const struct btf_type *t, char *ret, size_t size)
{
	const char *whole = btf__name_by_offset(btf, t->name_off);
	size_t n = whole ? essential_length(whole) : 0;

	if (!n || n >= size)
		return false;
	memcpy(ret, whole, n);
	ret[n] = '\0';
	return true;
}

static int pick_one(struct pick *p, unsigned int n_units, const struct btf *programs, const struct btf_type *t)
{
	char name[128];
	int found = 0;

	if (!types_essential_name(programs, t, name, sizeof(name)))
		return 0;
	for (unsigned int i = 0; i < n_units && !found; i++)
		found = copy_all_named(p, p->units[i], name, btf_kind(t));
	return found < 0 ? found : 0;
}

static int pick_all(struct pick *p, unsigned int n_units, const struct btf *programs)
{
	int err = p->to ? 0 : -ENOMEM;

	for (unsigned int i = 0; i < n_units && !err; i++) {
		p->units[i]->copies = calloc(btf__type_cnt(p->units[i]->btf), sizeof(__u32));
		if (!p->units[i]->copies)
			err = -ENOMEM;
	}
	if (!err) {
		p->pointer = btf__add_ptr(p->to, 0);
		err = p->pointer < 0 ? p->pointer : 0;
	}
	for (__u32 id = 1; programs && id < btf__type_cnt(programs) && !err; id++) {
		const struct btf_type *t = btf__type_by_id(programs, id);

		if (is_looked_up(t))
			err = pick_one(p, n_units, programs, t);
	}
	return err;
}

struct btf *types_pick(struct unit *const *units, unsigned int n_units, const struct btf *programs)
{
	struct pick p = { .to = btf__new_empty(), .units = units };
	int err = pick_all(&p, n_units, programs);

	for (unsigned int i = 0; i < n_units; i++) {
		free(units[i]->copies);
		units[i]->copies = NULL;
	}
	if (err) {
		btf__free(p.to);
		errno = -err;
		return NULL;
	}
	return p.to;
}
