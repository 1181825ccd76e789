// SPDX-License-Identifier: GPL-2.0-only
/*
 * types_fit.c - have members in this kernel the size that programs take them for
 * (types_own.h). libbpf finds a member wherever it is, and has nothing against one
 * that has become smaller or larger: the program then reads what is beside it, too,
 * or half of it, and nobody notices.
 *
 * What is read of which type is in the relocations of the program's own file
 * (.BTF.ext, Documentation/bpf/btf.rst). A member whose size, too, is asked for
 * there is read as large as it is; so is a bit field. What is as large as its own
 * parts, a struct, is looked up anew for each of them. Of an array the beginning
 * is read.
 */
#include <bpf/btf.h>
#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "types_own.h"
#include "util.h"

#define PATH_MAX_PARTS 16
#define DEPTH_MAX 16 /* unnamed members within unnamed members */

/* The head of .BTF.ext. */
struct ext_head {
	__u16 magic;
	__u8 version, flags;
	__u32 size;
	__u32 funcs_at, funcs_size, lines_at, lines_size, relos_at, relos_size; /* from the end of the head on */
};

/* Relocations of one section of programs; they follow. */
struct ext_section {
	__u32 name, n;
};

/* A way to a member: names, and "" for an element of an array. */
struct way {
	const char *parts[PATH_MAX_PARTS];
	unsigned int n;
	__u32 type; /* that of the member at its end */
	bool bits;
};

static const struct btf_type *bare(const struct btf *btf, __u32 id, __u32 *ret_id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (t && (btf_is_mod(t) || btf_is_typedef(t))) {
		id = t->type;
		t = btf__type_by_id(btf, id);
	}
	*ret_id = id;
	return t;
}

/* ---- in the program's own types ------------------------------------------------- */

/* One step, by its number. */
static int step(const struct btf *btf, struct way *w, unsigned long at)
{
	__u32 id;
	const struct btf_type *t = bare(btf, w->type, &id);
	const char *name = "";

	if (!t || w->n == PATH_MAX_PARTS)
		return -EINVAL;
	if (btf_is_array(t)) {
		w->type = btf_array(t)->type;
	} else if (btf_is_composite(t) && at < btf_vlen(t)) {
		w->type = btf_members(t)[at].type;
		w->bits = btf_member_bitfield_size(t, at);
		name = btf__name_by_offset(btf, btf_members(t)[at].name_off);
		if (!name || !name[0])
			return 0; /* what is in it is found through it */
	} else {
		return -EINVAL;
	}
	w->parts[w->n++] = name;
	return 0;
}

/* "0:2:1": of the first of them the third member's second one. */
static int find_way(const struct btf *programs, __u32 type, const char *access, struct way *ret)
{
	char *end;
	int err = 0;

	*ret = (struct way){ .type = type };
	strtoul(access, &end, 10);
	while (*end == ':' && !err)
		err = step(programs, ret, strtoul(end + 1, &end, 10));
	return *end ? -EINVAL : err;
}

/* ---- in the kernel's ------------------------------------------------------------- */

static const struct btf_member *member_named(const struct btf *btf, const struct btf_type *t, const char *name, bool *ret_bits, unsigned int depth)
{
	for (__u16 i = 0; i < btf_vlen(t) && depth < DEPTH_MAX; i++) {
		const struct btf_member *m = &btf_members(t)[i], *in;
		const char *its = btf__name_by_offset(btf, m->name_off);
		const struct btf_type *u;
		__u32 id;

		if (its && !strcmp(its, name)) {
			*ret_bits = btf_member_bitfield_size(t, i);
			return m;
		}
		u = its && its[0] ? NULL : bare(btf, m->type, &id);
		in = u && btf_is_composite(u) ? member_named(btf, u, name, ret_bits, depth + 1) : NULL;
		if (in)
			return in;
	}
	return NULL;
}

/* The type at the end of the way; 0 if it does not lead anywhere here. */
static __u32 follow(const struct btf *btf, __u32 type, const struct way *w, bool *ret_bits)
{
	for (unsigned int i = 0; i < w->n; i++) {
		const struct btf_type *t = bare(btf, type, &type);
		const struct btf_member *m;

		if (!t || btf_is_array(t) == !!w->parts[i][0])
			return 0;
		if (btf_is_array(t)) {
			type = btf_array(t)->type;
			continue;
		}
		m = btf_is_composite(t) ? member_named(btf, t, w->parts[i], ret_bits, 0) : NULL;
		if (!m)
			return 0;
		type = m->type;
	}
	return type;
}

/* ---- compared --------------------------------------------------------------------- */

static long long size_of(const struct btf *btf, __u32 id)
{
	const struct btf_type *t = bare(btf, id, &id);

	return t && btf_is_ptr(t) ? 8 : btf__resolve_size(btf, id);
}

static bool fits(const struct btf *programs, __u32 mine, const struct btf *kernel, __u32 its, bool bits)
{
	long long want = size_of(programs, mine), have = size_of(kernel, its);
	const struct btf_type *t = bare(programs, mine, &mine);

	return !bits && (t && btf_is_array(t) ? have >= want : have == want);
}

static bool is_composite(const struct btf *btf, __u32 id)
{
	const struct btf_type *t = bare(btf, id, &id);

	return !t || btf_is_composite(t) || btf_is_func_proto(t);
}

/* Several types of the kernel can have the name; libbpf takes the one that has the member. */
int types_fit_one(const struct btf *programs, const struct unit *kernel, __u32 type, const char *access, char *ret, size_t size)
{
	const struct btf_type *t = btf__type_by_id(programs, type);
	__u32 place = 0, id, its, found = 0;
	long long have;
	struct way way;
	char name[128];

	if (!t || find_way(programs, type, access, &way))
		return -EINVAL;
	if (way.bits || !way.n || is_composite(programs, way.type) || !types_essential_name(programs, t, name, sizeof(name)))
		return 0;
	while ((id = types_next(kernel, name, btf_kind(t), &place))) {
		bool bits = false;

		its = follow(kernel->btf, id, &way, &bits);
		if (its && fits(programs, way.type, kernel->btf, its, bits))
			return 0;
		found = its ?: found;
	}
	if (!found)
		return 0;
	have = size_of(kernel->btf, found);
	snprintf(ret, size, "%s.%s has %lld byte%s here, and not the %lld that the programs read", name, way.parts[way.n - 1], have,
		 have == 1 ? "" : "s", size_of(programs, way.type));
	return 1;
}

/* ---- the file of the programs ------------------------------------------------------ */

/* Is anything but its place asked for of the same member? */
static bool is_sized(const struct bpf_core_relo *r, size_t n, const struct bpf_core_relo *of)
{
	for (size_t i = 0; i < n; i++)
		if (r[i].type_id == of->type_id && r[i].access_str_off == of->access_str_off &&
		    (r[i].kind == BPF_CORE_FIELD_BYTE_SIZE || r[i].kind == BPF_CORE_FIELD_LSHIFT_U64))
			return true;
	return false;
}

static int fit_section(const struct bpf_core_relo *r, size_t n, const struct btf *programs, const struct unit *kernel, char *ret, size_t size)
{
	for (size_t i = 0; i < n; i++) {
		const char *access = btf__name_by_offset(programs, r[i].access_str_off);

		/* what is not understood here libbpf may refuse, which understands more */
		if (r[i].kind == BPF_CORE_FIELD_BYTE_OFFSET && access && !is_sized(r, n, &r[i]) &&
		    types_fit_one(programs, kernel, r[i].type_id, access, ret, size) > 0)
			return 1;
	}
	return 0;
}

static int fit_all(const Elf_Data *ext, const struct btf *programs, const struct unit *kernel, char *ret, size_t size)
{
	const struct ext_head *head = ext->d_buf;
	const char *at, *end;
	int misfit = 0;

	if (ext->d_size < sizeof(*head) || head->size < sizeof(*head) || (__u64)head->size + head->relos_at + head->relos_size > ext->d_size)
		return -EINVAL;
	at = (const char *)ext->d_buf + head->size + head->relos_at;
	end = at + head->relos_size;
	if (head->relos_size < sizeof(__u32) || *(const __u32 *)at != sizeof(struct bpf_core_relo))
		return head->relos_size ? -EINVAL : 0;
	at += sizeof(__u32);
	while (end - at > (long)sizeof(struct ext_section) && !misfit) {
		const struct ext_section *s = (const void *)at;

		at += sizeof(*s);
		if (s->n > (end - at) / sizeof(struct bpf_core_relo))
			return -EINVAL;
		misfit = fit_section((const void *)at, s->n, programs, kernel, ret, size);
		at += s->n * sizeof(struct bpf_core_relo);
	}
	return misfit;
}

static Elf_Data *section(Elf *elf, const char *name)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (!elf || elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *its;
		GElf_Shdr head;

		its = gelf_getshdr(scn, &head) ? elf_strptr(elf, names, head.sh_name) : NULL;
		if (its && !strcmp(its, name))
			return elf_getdata(scn, NULL);
	}
	return NULL;
}

int types_fit(const void *file, size_t file_size, const struct btf *programs, const struct btf *kernel, char *ret, size_t size)
{
	struct unit u = { .btf = (struct btf *)kernel, .fd = -1 };
	Elf_Data *ext;
	Elf *elf;
	int r = types_index(&u, 1);

	if (r)
		return r;
	elf_version(EV_CURRENT);
	elf = elf_memory((char *)file, file_size);
	ext = section(elf, ".BTF.ext");
	r = ext ? fit_all(ext, programs, &u, ret, size) : -EINVAL;
	elf_end(elf);
	free(u.ids);
	return r;
}
