// SPDX-License-Identifier: GPL-2.0-only
/* test_types.c - what programs are adapted by: all that a type is made of, of the right kernel or module, and nothing else. */
#include "host.h"

#include <bpf/btf.h>
#include <errno.h>

#include "../../src/types_own.h"

static struct unit kernel, module;
static struct btf *programs;
static int u32_id, u64_id;

static void index_unit(struct unit *u, __u32 from)
{
	assert_int_equal(types_index(u, from), 0);
}

/* A kernel of two numbers; the rest is what each test wants of it. */
static void begin(void)
{
	kernel.btf = btf__new_empty();
	u32_id = btf__add_int(kernel.btf, "unsigned int", 4, 0);
	u64_id = btf__add_int(kernel.btf, "unsigned long", 8, 0);
	programs = btf__new_empty();
}

/* A module on top of what is in the kernel by now. */
static void begin_module(void)
{
	module.btf = btf__new_empty_split(kernel.btf);
}

static void wants(const char *name)
{
	assert_true(btf__add_struct(programs, name, 8) > 0);
}

static struct btf *pick(void)
{
	struct unit *units[] = { &kernel, &module };
	unsigned int n = module.btf ? 2 : 1;
	struct btf *to;

	index_unit(&kernel, 1);
	if (module.btf)
		index_unit(&module, btf__type_cnt(kernel.btf));
	to = types_pick(units, n, programs);
	assert_null(kernel.copies);
	return to;
}

static void end(struct btf *to)
{
	btf__free(to);
	btf__free(module.btf);
	btf__free(kernel.btf);
	btf__free(programs);
	free(kernel.ids);
	free(module.ids);
	memset(&kernel, 0, sizeof(kernel));
	memset(&module, 0, sizeof(module));
}

static const struct btf_member *member(const struct btf *btf, const char *type, const char *name)
{
	__s32 id = btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, id) : NULL;

	assert_non_null(t);
	for (__u16 i = 0; i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(t)[i].name_off), name))
			return &btf_members(t)[i];
	fail_msg("struct %s has no %s", type, name);
	return NULL;
}

static int how_many(const struct btf *btf, const char *name)
{
	int n = 0;

	for (__u32 id = 1; id < btf__type_cnt(btf); id++)
		n += !strcmp(btf__name_by_offset(btf, btf__type_by_id(btf, id)->name_off), name);
	return n;
}

/* A structure in it, an array of a typedef, an anonymous union, a bit field: all there, where they are in the kernel. */
static void what_it_is_made_of(void **state)
{
	int inner, named, array, both;
	struct btf *to;

	(void)state;
	begin();
	btf__add_struct(kernel.btf, "unrelated", 8);
	btf__add_field(kernel.btf, "x", u64_id, 0, 0);
	inner = btf__add_struct(kernel.btf, "inner", 16);
	btf__add_field(kernel.btf, "deep", u64_id, 64, 0);
	named = btf__add_typedef(kernel.btf, "named_t", btf__add_const(kernel.btf, u32_id));
	array = btf__add_array(kernel.btf, u32_id, named, 3);
	both = btf__add_union(kernel.btf, NULL, 8);
	btf__add_field(kernel.btf, "one", u64_id, 0, 0);
	btf__add_struct(kernel.btf, "outer", 48);
	btf__add_field(kernel.btf, "in", inner, 0, 0);
	btf__add_field(kernel.btf, "list", array, 128, 0);
	btf__add_field(kernel.btf, "", both, 256, 0);
	btf__add_field(kernel.btf, "bits", u32_id, 325, 3);
	wants("outer");
	to = pick();
	assert_non_null(to);
	assert_int_equal(how_many(to, "unrelated"), 0);
	assert_int_equal(member(to, "outer", "list")->offset, 128);
	assert_int_equal(btf__resolve_size(to, member(to, "outer", "list")->type), 12);
	assert_int_equal(btf__resolve_size(to, member(to, "outer", "in")->type), 16);
	assert_int_equal(member(to, "inner", "deep")->offset, 64);
	assert_true(btf_is_union(btf__type_by_id(to, member(to, "outer", "")->type)));
	assert_int_equal(member(to, "outer", "bits")->offset & 0xffffff, 325);
	assert_int_equal(member(to, "outer", "bits")->offset >> 24, 3);
	end(to);
}

/* Lists are of structures that point to their like: what is pointed to is not followed, but stays a pointer. */
static void pointers_end_it(void **state)
{
	const struct btf_type *pointer;
	struct btf *to;
	int self;

	(void)state;
	begin();
	btf__add_struct(kernel.btf, "far", 8);
	btf__add_field(kernel.btf, "x", u64_id, 0, 0);
	self = btf__add_ptr(kernel.btf, btf__type_cnt(kernel.btf) + 1);
	btf__add_struct(kernel.btf, "node", 16);
	btf__add_field(kernel.btf, "next", self, 0, 0);
	btf__add_field(kernel.btf, "far", btf__add_ptr(kernel.btf, 3), 64, 0);
	wants("node");
	to = pick();
	assert_non_null(to);
	pointer = btf__type_by_id(to, member(to, "node", "next")->type);
	assert_true(btf_is_ptr(pointer));
	assert_int_equal(pointer->type, 0);
	assert_int_equal(how_many(to, "far"), 0);
	end(to);
}

/* Two ideas of a type are looked up as one, all of that name are there, and once each. */
static void names(void **state)
{
	struct btf *to;

	(void)state;
	begin();
	for (int i = 0; i < 2; i++) {
		btf__add_struct(kernel.btf, "twice", 8 << i);
		btf__add_field(kernel.btf, i ? "new" : "old", u64_id, 0, 0);
	}
	btf__add_struct(kernel.btf, "twice___not", 8);
	btf__add_typedef(kernel.btf, "twice", u64_id);
	wants("twice");
	wants("twice___flavor");
	to = pick();
	assert_non_null(to);
	assert_int_equal(how_many(to, "twice"), 2);
	assert_int_equal(how_many(to, "twice___not"), 0);
	end(to);
}

/* Of a module what the kernel has not, with what it takes of the kernel; a type of both is the kernel's. */
static void modules(void **state)
{
	int of_kernel;
	struct btf *to;

	(void)state;
	begin();
	of_kernel = btf__add_struct(kernel.btf, "in_both", 8);
	btf__add_field(kernel.btf, "kernel", u64_id, 0, 0);
	begin_module();
	btf__add_struct(module.btf, "in_both", 8);
	btf__add_field(module.btf, "module", u64_id, 0, 0);
	btf__add_struct(module.btf, "of_module", 16);
	btf__add_field(module.btf, "base", of_kernel, 0, 0);
	btf__add_field(module.btf, "own", u64_id, 64, 0);
	wants("in_both");
	wants("of_module");
	wants("of_nobody");
	to = pick();
	assert_non_null(to);
	assert_int_equal(how_many(to, "in_both"), 1);
	member(to, "in_both", "kernel");
	assert_int_equal(member(to, "of_module", "own")->offset, 64);
	assert_int_equal(btf__type_by_id(to, member(to, "of_module", "base")->type)->size, 8);
	end(to);
}

/* An enumeration of 32 bits is one of 64 in another kernel. */
static void enumerations(void **state)
{
	struct btf *to;

	(void)state;
	begin();
	btf__add_enum64(kernel.btf, "kinds", 8, false);
	btf__add_enum64_value(kernel.btf, "KIND_BIG", 1ULL << 40);
	btf__add_enum(programs, "kinds", 4);
	btf__add_enum_value(programs, "KIND_BIG", 1);
	to = pick();
	assert_non_null(to);
	assert_int_equal(how_many(to, "kinds"), 1);
	end(to);
}

/* A type that is a part of itself is not followed for ever. */
static void damaged(void **state)
{
	(void)state;
	begin();
	btf__add_struct(kernel.btf, "deep", 8);
	for (int i = 0; i < 100; i++) {
		int before = btf__type_cnt(kernel.btf) - 1;

		btf__add_typedef(kernel.btf, i == 99 ? "top" : "middle", before);
	}
	btf__add_typedef(programs, "top", 0);
	assert_null(pick());
	assert_int_equal(errno, EINVAL);
	end(NULL);
}

static char misfit[160];

/* types_fit_one() of the program's only struct. */
static int fit(const struct btf *to, const char *type, const char *access)
{
	struct unit u = { .btf = (struct btf *)to, .fd = -1 };
	int r;

	index_unit(&u, 1);
	misfit[0] = '\0';
	r = types_fit_one(programs, &u, btf__find_by_name_kind(programs, type, BTF_KIND_STRUCT), access, misfit, sizeof(misfit));
	free(u.ids);
	return r;
}

/* A member is found by its name, wherever and in whatever it is; then its size counts, and of arrays that there is enough. */
static void sizes(void **state)
{
	int u32, chars, pointer, inner, both;
	struct btf *to;

	(void)state;
	begin();
	inner = btf__add_struct(kernel.btf, NULL, 8);
	btf__add_field(kernel.btf, "deep", u32_id, 0, 0);
	chars = btf__add_array(kernel.btf, u32_id, btf__add_int(kernel.btf, "char", 1, BTF_INT_CHAR), 8);
	both = btf__add_struct(kernel.btf, "both", 8);
	btf__add_field(kernel.btf, "low", u32_id, 0, 0);
	btf__add_struct(kernel.btf, "thing", 64);
	btf__add_field(kernel.btf, "grown", u64_id, 0, 0);
	btf__add_field(kernel.btf, "", inner, 64, 0);
	btf__add_field(kernel.btf, "name", chars, 128, 0);
	btf__add_field(kernel.btf, "part", both, 192, 0);
	btf__add_field(kernel.btf, "bits", u32_id, 256, 4);
	btf__add_field(kernel.btf, "same", u32_id, 288, 0);

	u32 = btf__add_int(programs, "u32", 4, 0);
	chars = btf__add_array(programs, u32, btf__add_int(programs, "char", 1, BTF_INT_CHAR), 4);
	pointer = btf__add_ptr(programs, 0);
	both = btf__add_struct(programs, "both", 16);
	btf__add_field(programs, "low", pointer, 0, 0);
	btf__add_struct(programs, "thing___here", 64);
	btf__add_field(programs, "same", u32, 0, 0);
	btf__add_field(programs, "deep", u32, 32, 0);
	btf__add_field(programs, "name", chars, 64, 0);
	btf__add_field(programs, "part", both, 128, 0);
	btf__add_field(programs, "grown", u32, 256, 0);
	btf__add_field(programs, "bits", u32, 288, 0);
	btf__add_field(programs, "gone", u32, 320, 0);
	to = pick();
	assert_non_null(to);
	assert_int_equal(fit(to, "thing___here", "0:0"), 0);
	assert_int_equal(fit(to, "thing___here", "0:1"), 0); /* in what has no name */
	assert_int_equal(fit(to, "thing___here", "0:2"), 0);
	assert_int_equal(fit(to, "thing___here", "0:2:3"), 0);
	assert_int_equal(fit(to, "thing___here", "0:3"), 0);
	assert_int_equal(fit(to, "thing___here", "0:6"), 0); /* is not read where it is not */
	assert_int_equal(fit(to, "thing___here", "0:4"), 1);
	assert_string_equal(misfit, "thing.grown has 8 bytes here, and not the 4 that the programs read");
	assert_int_equal(fit(to, "thing___here", "0:3:0"), 1);
	assert_string_equal(misfit, "thing.low has 4 bytes here, and not the 8 that the programs read");
	assert_int_equal(fit(to, "thing___here", "0:5"), 1); /* a bit field, read as a number */
	assert_int_equal(fit(to, "thing___here", "0:7"), -EINVAL);
	assert_int_equal(fit(to, "thing___here", "0:x"), -EINVAL);
	assert_int_equal(fit(to, "thing___here", "0:0:0"), -EINVAL);
	end(to);
}

static int func(const char *name, int returns, const int *args, int n)
{
	int proto = btf__add_func_proto(kernel.btf, returns);

	for (int i = 0; i < n; i++)
		btf__add_func_param(kernel.btf, "x", args[i]);
	return btf__add_func(kernel.btf, name, BTF_FUNC_STATIC, proto);
}

/* What they are given: pointers by what they point to, numbers by their size, behind typedefs; no more, and no fewer. */
static void arguments(void **state)
{
	int file, iova, args[4], id, none;

	(void)state;
	begin();
	file = btf__add_ptr(kernel.btf, btf__add_const(kernel.btf, btf__add_struct(kernel.btf, "file", 8)));
	iova = btf__add_typedef(kernel.btf, "dma_addr_t", u64_id);
	args[0] = file;
	args[1] = u32_id;
	args[2] = iova;
	args[3] = btf__add_ptr(kernel.btf, 0);
	id = func("f", u64_id, args, 4);
	none = func("none", 0, args, 0);
	assert_true(types_proto_fits(kernel.btf, id, "file 4 8 * =8"));
	assert_true(types_proto_fits(kernel.btf, id, "* 4 +"));
	assert_true(types_proto_fits(kernel.btf, id, "+"));
	assert_true(types_proto_fits(kernel.btf, id, "file 4 8 *"));
	assert_true(types_proto_fits(kernel.btf, none, "+"));
	assert_true(types_proto_fits(kernel.btf, none, ""));
	assert_false(types_proto_fits(kernel.btf, id, "inode 4 8 * =8"));
	assert_false(types_proto_fits(kernel.btf, id, "file 8 8 * =8"));
	assert_false(types_proto_fits(kernel.btf, id, "file 4 8 8 =8"));
	assert_false(types_proto_fits(kernel.btf, id, "file 4 8 * =4"));
	assert_false(types_proto_fits(kernel.btf, id, "file 4 8 * =*"));
	assert_false(types_proto_fits(kernel.btf, id, "file 4 8 =8"));
	assert_false(types_proto_fits(kernel.btf, id, "file 4 8"));
	assert_false(types_proto_fits(kernel.btf, id, "file 4 8 file +"));
	assert_false(types_proto_fits(kernel.btf, id, "file 4 8 * 4"));
	assert_false(types_proto_fits(kernel.btf, none, "=4"));
	assert_false(types_proto_fits(kernel.btf, u32_id, "+"));
	end(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_is_made_of), cmocka_unit_test(pointers_end_it), cmocka_unit_test(names),
		cmocka_unit_test(modules),	      cmocka_unit_test(enumerations),	 cmocka_unit_test(damaged),
		cmocka_unit_test(sizes),	      cmocka_unit_test(arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
