// SPDX-License-Identifier: GPL-2.0-only
/*
 * types.c - an index over the names of the kernel's type information, and a
 * handler for each kind of section, by which libbpf asks it (types.h).
 */
#include "types.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "util.h"

#define MODULES_MAX 16 /* that are asked for by name */

/* Type information: the kernel's, or what a module adds to it. */
struct unit {
	char name[56]; /* as long as a module's can be */
	ino_t file; /* its file in /sys/kernel/btf when it was read, another one once it is loaded again; 0: there was none */
	struct btf *btf;
	int fd; /* as the kernel has it, for programs; -1 */
	__u32 *ids; /* open addressing; 0 is free */
	__u32 mask;
};

struct types {
	struct unit kernel;
	struct unit modules[MODULES_MAX];
	unsigned int n_modules;
	struct types *before; /* the one that was opened before */
};

static struct types *newest;

/* ---- the index ------------------------------------------------------------- */

static bool is_wanted(unsigned int kind)
{
	return kind == BTF_KIND_FUNC || kind == BTF_KIND_STRUCT || kind == BTF_KIND_TYPEDEF;
}

static __u32 hash_name(const char *name, unsigned int kind)
{
	__u32 h = 2166136261U ^ kind;

	while (*name)
		h = (h ^ (unsigned char)*name++) * 16777619U;
	return h;
}

static const char *name_of(const struct btf *btf, __u32 id)
{
	return btf__name_by_offset(btf, btf__type_by_id(btf, id)->name_off);
}

/* By number, so that the first of a name is the one that is found. */
static int make_index(struct unit *u, __u32 from)
{
	__u32 to = btf__type_cnt(u->btf), size = 64, wanted = 0;

	for (__u32 id = from; id < to; id++)
		wanted += is_wanted(btf_kind(btf__type_by_id(u->btf, id)));
	while (size < wanted * 2)
		size *= 2;
	u->ids = calloc(size, sizeof(*u->ids));
	if (!u->ids)
		return -ENOMEM;
	u->mask = size - 1;
	for (__u32 id = from; id < to; id++) {
		unsigned int kind = btf_kind(btf__type_by_id(u->btf, id));
		__u32 i;

		if (!is_wanted(kind))
			continue;
		for (i = hash_name(name_of(u->btf, id), kind); u->ids[i & u->mask]; i++)
			;
		u->ids[i & u->mask] = id;
	}
	return 0;
}

static __u32 find_in(const struct unit *u, const char *name, unsigned int kind)
{
	for (__u32 i = hash_name(name, kind); u->ids && u->ids[i & u->mask]; i++) {
		__u32 id = u->ids[i & u->mask];

		if (btf_kind(btf__type_by_id(u->btf, id)) == kind && !strcmp(name_of(u->btf, id), name))
			return id;
	}
	return 0;
}

/* ---- modules ----------------------------------------------------------------- */

static void forget(struct unit *u)
{
	btf__free(u->btf);
	if (u->fd >= 0)
		close(u->fd);
	free(u->ids);
	u->btf = NULL;
	u->fd = -1;
	u->ids = NULL;
}

/* A module's type information as the kernel has it, which takes CAP_SYS_ADMIN; -1. */
static int open_by_name(const char *module)
{
	__u32 id = 0;

	while (!bpf_btf_get_next_id(id, &id)) {
		char name[64] = "";
		struct bpf_btf_info info = { .name = (__u64)(unsigned long)name, .name_len = sizeof(name) };
		__u32 len = sizeof(info);
		int fd = bpf_btf_get_fd_by_id(id);

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) && info.kernel_btf && !strcmp(name, module))
			return fd;
		if (fd >= 0)
			close(fd);
		else if (errno != ENOENT)
			break;
	}
	return -1;
}

static void file_of(const char *module, char *ret, size_t size)
{
	snprintf(ret, size, "/sys/kernel/btf/%s", module);
}

/* From its file, which takes no rights, and where everybody else looks. */
static void read_module(struct types *t, struct unit *u)
{
	char path[96];

	file_of(u->name, path, sizeof(path));
	u->btf = btf__parse_split(path, t->kernel.btf);
	if (!u->btf || make_index(u, btf__type_cnt(t->kernel.btf)))
		forget(u);
	else
		u->fd = open_by_name(u->name);
}

/* NULL: there is no such module, or no type information of it. It is read again when it was loaded again. */
static const struct unit *module_unit(struct types *t, const char *module)
{
	struct unit *u = NULL;
	struct stat st = {};
	char path[96];

	for (unsigned int i = 0; i < t->n_modules && !u; i++)
		if (!strcmp(t->modules[i].name, module))
			u = &t->modules[i];
	if (!u && t->n_modules == MODULES_MAX)
		return NULL;
	if (!u) {
		u = &t->modules[t->n_modules++];
		snprintf(u->name, sizeof(u->name), "%s", module);
		u->fd = -1;
	}
	file_of(module, path, sizeof(path));
	if (stat(path, &st))
		st.st_ino = 0;
	if (st.st_ino != u->file) {
		forget(u);
		if (st.st_ino)
			read_module(t, u);
		u->file = st.st_ino;
	}
	return u->btf ? u : NULL;
}

__u32 types_find(struct types *t, const char *module, const char *name, unsigned int kind, const struct btf **ret_btf)
{
	const struct unit *u = strcmp(module, "vmlinux") ? module_unit(t, module) : NULL;
	__u32 id = u ? find_in(u, name, kind) : 0;

	if (!id) {
		u = &t->kernel;
		id = find_in(u, name, kind);
	}
	if (ret_btf)
		*ret_btf = u->btf;
	return id;
}

/* ---- programs ------------------------------------------------------------------- */

/* A kind of section: what libbpf makes of it, and what the name after the slash is called in the type information. */
static const struct section {
	const char *name;
	enum bpf_prog_type type;
	enum bpf_attach_type attach;
	const char *prefix;
	unsigned int kind;
} sections[] = {
	{ "fentry+", BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, "", BTF_KIND_FUNC },
	{ "fexit+", BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, "", BTF_KIND_FUNC },
	{ "fmod_ret+", BPF_PROG_TYPE_TRACING, BPF_MODIFY_RETURN, "", BTF_KIND_FUNC },
	{ "tp_btf+", BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, "btf_trace_", BTF_KIND_TYPEDEF },
	{ "iter+", BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, "bpf_iter_", BTF_KIND_FUNC },
	{ "lsm+", BPF_PROG_TYPE_LSM, BPF_LSM_MAC, "bpf_lsm_", BTF_KIND_FUNC },
};

/* Where functions that programs attach to live, besides the kernel itself. */
static const char *const modules_with_hooks[] = { "vfio", "vfio_iommu_type1", "iommufd" };

static int tell_target(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	const struct section *s = &sections[cookie];
	const char *after = strchr(bpf_program__section_name(prog), '/');
	char name[128];
	__u32 id = 0;

	if (!newest || !after)
		return -ESRCH;
	snprintf(name, sizeof(name), "%s%s", s->prefix, after + 1);
	opts->attach_btf_obj_fd = 0;
	for (size_t i = 0; i < ARRAY_SIZE(modules_with_hooks) && !id && !*s->prefix; i++) {
		const struct unit *u = module_unit(newest, modules_with_hooks[i]);

		id = u && u->fd >= 0 ? find_in(u, name, s->kind) : 0;
		if (id)
			opts->attach_btf_obj_fd = u->fd;
	}
	if (!id)
		id = find_in(&newest->kernel, name, s->kind);
	if (!id)
		log_info("program %s: no %s in the kernel's type information", bpf_program__name(prog), name);
	opts->attach_btf_id = id;
	return id ? 0 : -ESRCH;
}

static int attach(const struct bpf_program *prog, long cookie, struct bpf_link **link)
{
	*link = sections[cookie].type == BPF_PROG_TYPE_LSM ? bpf_program__attach_lsm(prog) : bpf_program__attach_trace(prog);
	return *link ? 0 : -errno;
}

static int register_sections(void)
{
	static bool done;

	for (size_t i = 0; i < ARRAY_SIZE(sections) && !done; i++) {
		const struct section *s = &sections[i];
		LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .cookie = (long)i, .prog_prepare_load_fn = tell_target,
			    .prog_attach_fn = s->attach == BPF_TRACE_ITER ? NULL : attach);
		int err = libbpf_register_prog_handler(s->name, s->type, s->attach, &opts);

		if (err < 0)
			return err;
	}
	done = true;
	return 0;
}

/* ---- all of it ----------------------------------------------------------------- */

struct types *types_open(void)
{
	struct types *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return NULL;
	t->kernel.fd = -1;
	t->kernel.btf = btf__load_vmlinux_btf();
	err = !t->kernel.btf ? -errno : make_index(&t->kernel, 1);
	if (!err)
		err = register_sections();
	if (err) {
		forget(&t->kernel);
		free(t);
		errno = -err;
		return NULL;
	}
	t->before = newest;
	newest = t;
	return t;
}

void types_close(struct types *t)
{
	struct types **p = &newest;

	if (!t)
		return;
	while (*p && *p != t)
		p = &(*p)->before;
	if (*p)
		*p = t->before;
	for (unsigned int i = 0; i < t->n_modules; i++)
		forget(&t->modules[i]);
	forget(&t->kernel);
	free(t);
}
