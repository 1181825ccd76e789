// SPDX-License-Identifier: GPL-2.0-only
/*
 * types.c - the type information of the kernel and its modules, a handler for each
 * kind of section, by which libbpf asks it where programs attach, and the file it
 * adapts programs by (types.h).
 */
#include "types.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "types_own.h"
#include "util.h"

static struct types *newest;

static __u32 find_in(const struct unit *u, const char *name, unsigned int kind)
{
	__u32 place = 0;

	return types_next(u, name, kind, &place);
}

/* ---- modules ----------------------------------------------------------------- */

static void forget(struct unit *u)
{
	btf__free(u->btf);
	if (u->fd >= 0)
		close(u->fd);
	free(u->ids);
	free(u->copies);
	u->btf = NULL;
	u->fd = -1;
	u->ids = u->copies = NULL;
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
	if (!u->btf || types_index(u, btf__type_cnt(t->kernel.btf)))
		forget(u);
	else
		u->fd = open_by_name(u->name);
}

/* NULL: there is no such module, or no type information of it. It is read again when it was loaded again. */
static struct unit *module_unit(struct types *t, const char *module)
{
	struct unit *u = NULL;
	struct stat st = {};
	char path[96];

	for (unsigned int i = 0; i < t->n_modules && !u; i++)
		if (!strcmp(t->modules[i].name, module))
			u = &t->modules[i];
	if (!u && t->n_modules == MODULES_MAX) {
		log_info("type information of %s: not read, as that of %d modules is", module, MODULES_MAX);
		return NULL;
	}
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

/* A kind of section: what its programs are loaded as, and what the name after the slash is called in the type information. */
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

/*
 * What libbpf takes them for until they are loaded: for a program of those types it
 * would read all of the kernel's type information once more, 9 MB for a moment and
 * again for each object, to find what tell_target() tells it.
 */
#define STAND_IN BPF_PROG_TYPE_RAW_TRACEPOINT

/* Where functions that programs attach to live, besides the kernel itself. */
static const char *const modules_with_hooks[] = { "vfio", "vfio_iommu_type1", "iommufd" };

/* In which of them that is, and its id; modules first, as the kernel has none of their names. 0: nowhere. */
static __u32 find_target(struct types *t, const char *name, const struct section *s, const struct unit **ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(modules_with_hooks) && !*s->prefix; i++) {
		const struct unit *u = module_unit(t, modules_with_hooks[i]);
		__u32 id = u && u->fd >= 0 ? find_in(u, name, s->kind) : 0;

		*ret = u;
		if (id)
			return id;
	}
	*ret = &t->kernel;
	return find_in(&t->kernel, name, s->kind);
}

static int tell_target(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	const struct section *s = &sections[cookie];
	const char *after = strchr(bpf_program__section_name(prog), '/');
	const struct unit *u;
	char name[128];
	__u32 id;

	if (!newest || !after)
		return -ESRCH;
	snprintf(name, sizeof(name), "%s%s", s->prefix, after + 1);
	id = find_target(newest, name, s, &u);
	opts->attach_btf_obj_fd = u == &newest->kernel ? 0 : u->fd;
	if (!id)
		log_info("program %s: no %s in the kernel's type information", bpf_program__name(prog), name);
	opts->attach_btf_id = id;
	return id ? bpf_program__set_type(prog, s->type) : -ESRCH;
}

struct bpf_link *types_attach(const struct bpf_program *prog)
{
	return bpf_program__type(prog) == BPF_PROG_TYPE_LSM ? bpf_program__attach_lsm(prog) : bpf_program__attach_trace(prog);
}

static int register_sections(void)
{
	static bool done;

	for (size_t i = 0; i < ARRAY_SIZE(sections) && !done; i++) {
		const struct section *s = &sections[i];
		LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .cookie = (long)i, .prog_prepare_load_fn = tell_target);
		int err = libbpf_register_prog_handler(s->name, STAND_IN, s->attach, &opts);

		if (err < 0)
			return err;
	}
	done = true;
	return 0;
}

/* ---- what they are adapted by ---------------------------------------------------- */

const char *types_file(const struct types *t)
{
	return t->path;
}

static int write_all(int fd, const char *data, __u32 size)
{
	if (ftruncate(fd, 0))
		return -errno;
	for (__u32 done = 0; done < size;) {
		ssize_t n = pwrite(fd, data + done, size - done, done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? n : 0;
	}
	return 0;
}

bool types_func_fits(struct types *t, const char *module, const char *func)
{
	const char *takes = types_takes(func);
	const struct btf *btf;
	__u32 id = types_find(t, module, func, BTF_KIND_FUNC, &btf);

	return id && takes && types_proto_fits(btf, id, takes);
}

/* Of a program that attaches to a function whose arguments it is given; else NULL. */
static const struct section *section_of(const struct bpf_program *prog)
{
	const char *name = bpf_program__section_name(prog);

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		const struct section *s = &sections[i];
		size_t len = strlen(s->name) - 1;

		if (s->kind == BTF_KIND_FUNC && s->attach != BPF_TRACE_ITER && !strncmp(name, s->name, len) && name[len] == '/')
			return s;
	}
	return NULL;
}

/* The first of those that will be loaded which takes a function for another. */
static void check_functions(struct types *t, const struct bpf_object *obj)
{
	struct bpf_program *prog;
	char name[128];

	bpf_object__for_each_program(prog, obj) {
		const struct section *s = bpf_program__autoload(prog) ? section_of(prog) : NULL;
		const struct unit *u;
		__u32 id;

		if (!s)
			continue;
		snprintf(name, sizeof(name), "%s%s", s->prefix, strchr(bpf_program__section_name(prog), '/') + 1);
		id = find_target(t, name, s, &u);
		if (!id || (types_takes(name) && types_proto_fits(u->btf, id, types_takes(name))))
			continue;
		snprintf(t->misfit, sizeof(t->misfit), "the function %s has other arguments", name);
		return;
	}
}

const char *types_misfit(const struct types *t)
{
	return t->misfit;
}

int types_adapt(struct types *t, const struct bpf_object_skeleton *s)
{
	const struct btf *programs = bpf_object__btf(*s->obj);
	struct unit *units[1 + ARRAY_SIZE(modules_with_hooks)] = { &t->kernel };
	unsigned int n = 1;
	struct btf *picked;
	const void *data;
	__u32 size;
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(modules_with_hooks); i++) {
		units[n] = module_unit(t, modules_with_hooks[i]);
		n += units[n] != NULL;
	}
	picked = types_pick(units, n, programs);
	if (!picked)
		return -errno;
	t->misfit[0] = '\0';
	err = types_fit(s->data, s->data_sz, programs, picked, t->misfit, sizeof(t->misfit));
	if (err == 0)
		check_functions(t, *s->obj);
	data = err < 0 ? NULL : btf__raw_data(picked, &size);
	err = err < 0 ? err : data ? write_all(t->file, data, size) : -ENOMEM;
	btf__free(picked);
	return err;
}

/* ---- all of it ----------------------------------------------------------------- */

static void release(struct types *t)
{
	for (unsigned int i = 0; i < t->n_modules; i++)
		forget(&t->modules[i]);
	forget(&t->kernel);
	if (t->file >= 0)
		close(t->file);
	free(t);
}

struct types *types_open(void)
{
	struct types *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return NULL;
	t->kernel.fd = -1;
	t->kernel.btf = btf__load_vmlinux_btf();
	err = !t->kernel.btf ? -errno : types_index(&t->kernel, 1);
	if (!err)
		err = register_sections();
	t->file = memfd_create("fdpin-types", MFD_CLOEXEC);
	if (!err && t->file < 0)
		err = -errno;
	snprintf(t->path, sizeof(t->path), "/proc/self/fd/%d", t->file);
	if (err) {
		release(t);
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
	release(t);
	malloc_trim(0); /* several megabytes in small pieces, which would stay with a process that runs for months */
}
