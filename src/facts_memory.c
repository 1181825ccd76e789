// SPDX-License-Identifier: GPL-2.0-only
/*
 * facts_memory.c - the words in the code of the type1 driver, looked for where
 * it runs (facts.h): for who cannot see the module's file, as a service whose
 * /lib/modules is hidden, or has another one, as in a container.
 *
 * The driver's operations are found by their symbol, its struct module by their
 * owner, and in that where the module's memory is: core_layout, or since 6.4 the
 * array mem. Members are found by the kernel's type information. A text that is
 * not there is only said to be so if all of it could be read.
 */
#include "facts.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "doctor_bpf.skel.h"
#include "source_bpf.h"
#include "types.h"
#include "util.h"

#define MODULE_MAX (16 << 20) /* bytes: a size beyond it is not one */

struct reader {
	struct doctor_bpf *skel;
	const struct btf *btf;
};

static int peek(const struct reader *r, __u64 address, __u32 size)
{
	struct doctor_peek args = { .address = address, .size = size };

	return source_bpf_run(r->skel->progs.peek, &args, sizeof(args));
}

static int peek_word(const struct reader *r, __u64 address, __u64 *ret)
{
	int err = peek(r, address, sizeof(*ret));

	if (!err)
		memcpy(ret, r->skel->bss->peeked, sizeof(*ret));
	return err;
}

/* Bytes from the start of this type to a member that it has at a whole byte, and the member's type; or -ENOENT. */
static int find_member(const struct btf *btf, __u32 id, const char *name, __u32 *ret_type)
{
	const struct btf_type *t = btf__type_by_id(btf, id);
	const struct btf_member *m = t && btf_is_composite(t) ? btf_members(t) : NULL;

	for (unsigned int i = 0; m && i < btf_vlen(t); i++) {
		const char *have = btf__name_by_offset(btf, m[i].name_off);

		if (!have || strcmp(have, name) || btf_member_bitfield_size(t, i))
			continue;
		*ret_type = m[i].type;
		return (int)(btf_member_bit_offset(t, i) / 8);
	}
	return -ENOENT;
}

/* 1 if the text is in there, 0, or -errno. It may lie where two pieces meet. */
static int search(const struct reader *r, __u64 base, __u64 size, const char *text)
{
	size_t len = strlen(text);

	if (size > MODULE_MAX)
		return -E2BIG;
	for (__u64 at = 0; at + len <= size; at += DOCTOR_PEEK - len) {
		__u32 piece = size - at < DOCTOR_PEEK ? size - at : DOCTOR_PEEK;
		int err = peek(r, base + at, piece);

		if (err)
			return err;
		if (memmem(r->skel->bss->peeked, piece, text, len))
			return 1;
	}
	return 0;
}

/* One piece of a module's memory, described at this address by members base and size of a type. */
static int search_layout(const struct reader *r, __u64 address, __u32 type, const char *text)
{
	__u32 base_type, size_type;
	int base = find_member(r->btf, type, "base", &base_type), size = find_member(r->btf, type, "size", &size_type), err;
	__u64 start, len;

	if (base < 0 || size < 0)
		return -ENOENT;
	err = peek_word(r, address + base, &start) ?: peek_word(r, address + size, &len);
	if (err)
		return err;
	len = (__u32)len; /* an unsigned int, on each kernel there is */
	return start && len ? search(r, start, len, text) : 0;
}

static int search_array(const struct reader *r, __u64 address, __u32 type, const char *text)
{
	const struct btf_type *t = btf__type_by_id(r->btf, type);
	const struct btf_array *a = t && btf_is_array(t) ? btf_array(t) : NULL;
	__s64 each = a ? btf__resolve_size(r->btf, a->type) : -1;
	int found = 0;

	if (each <= 0)
		return -ENOENT;
	for (__u32 i = 0; i < a->nelems && !found; i++)
		found = search_layout(r, address + i * each, a->type, text);
	return found;
}

static int search_module(const struct reader *r, struct types *types, const char *text)
{
	__u32 ops_id, module_id, type;
	struct doctor_peek ops = {};
	const struct btf *btf;
	__u64 module = 0;
	int at, err;

	err = source_bpf_run(r->skel->progs.find_type1, &ops, sizeof(ops));
	if (err)
		return err;
	if (!ops.address)
		return -ENXIO;
	ops_id = types_find(types, "vfio", "vfio_iommu_driver_ops", BTF_KIND_STRUCT, &btf);
	at = ops_id ? find_member(btf, ops_id, "owner", &type) : -ENOENT;
	if (at < 0)
		return at;
	err = peek_word(r, ops.address + at, &module);
	if (err || !module)
		return err ?: -ENXIO;
	module_id = types_find(types, "vmlinux", "module", BTF_KIND_STRUCT, NULL);
	at = module_id ? find_member(r->btf, module_id, "mem", &type) : -ENOENT;
	if (at >= 0)
		return search_array(r, module + at, type, text);
	at = module_id ? find_member(r->btf, module_id, "core_layout", &type) : -ENOENT;
	return at < 0 ? at : search_layout(r, module + at, type, text);
}

int facts_module_has(struct types *types, const char *text)
{
	struct reader r = {};
	int err;

	if (!types_find(types, "vmlinux", "module", BTF_KIND_STRUCT, &r.btf))
		return -ENOENT;
	r.skel = doctor_bpf__open();
	if (!r.skel)
		return -errno;
	bpf_program__set_autoload(r.skel->progs.peek, true);
	bpf_program__set_autoload(r.skel->progs.find_type1, true);
	err = doctor_bpf__load(r.skel) ?: search_module(&r, types, text);
	doctor_bpf__destroy(r.skel);
	return err;
}
