// SPDX-License-Identifier: GPL-2.0-only
/*
 * load.c - the two BPF objects into the kernel: symbols for snapshot_bpf, and
 * for trace_bpf the hooks that this kernel has, each by itself, so that one
 * that cannot be had is a gap and not the end.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "log.h"
#include "probe.h"
#include "source_bpf.h"
#include "types.h"
#include "util.h"

#include "../bpf/compat.h"

/* Half of what ids are made with: differs from boot to boot. The other half is the kernel's layout. */
void source_bpf_key(__u64 key[2])
{
	char boot_id[64];

	read_line("/proc/sys/kernel/random/boot_id", boot_id, sizeof(boot_id));
	key[0] = 0xcbf29ce484222325ULL;
	for (const char *p = boot_id; *p; p++)
		key[0] = (key[0] ^ (unsigned char)*p) * 0x100000001b3ULL;
	key[1] = ~key[0] * 0x9e3779b97f4a7c15ULL;
}

int source_bpf_run(struct bpf_program *prog, void *args, size_t size)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = size);
	int err = bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);

	return err ? err : (int)opts.retval;
}

/* With -vv: what each program cost the verifier. tests/verified keeps these numbers, for every kernel. */
void source_bpf_tell_programs(const struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) {
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);

		if (log_enabled(LOG_DEBUG) && bpf_program__fd(prog) >= 0 &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			log_debug("program %s: %u instructions verified", bpf_program__name(prog), info.verified_insns);
	}
}

/* It is there, and cannot be read. */
static bool iommufd_untyped(const struct source_bpf *s)
{
	if (probe_struct(s->types, "iommufd", "iommufd_ctx") && probe_struct(s->types, "iommufd", "iopt_pages"))
		return false;
	return probe_module("iommufd") || probe_misc_device("iommu");
}

/* The secret of ids costs no sight; what iommufd is looked for with is missing where there is no iommufd. */
static bool may_be_missing(const struct source_bpf *s, int symbol)
{
	if (symbol == SYM_iommufd_fops)
		return !probe_struct(s->types, "iommufd", "iommufd_ctx");
	if (symbol == SYM_vfio_fops || symbol == SYM_vfio_iommu_driver_ops_type1)
		return !s->containers;
	return symbol == SYM_ptr_key;
}

static void check_symbols(struct source_bpf *s)
{
	const __u64 *symbols = s->snapshot->bss->symbols;
	bool any = false;

	for (int i = 0; i < SYM__max; i++)
		any |= symbols[i] != 0;
	if (!any) {
		source_bpf_gap(s, false, "kernel symbols", "their addresses are hidden: kernel.kptr_restrict=2, or CAP_SYSLOG is missing");
		return;
	}
#define X(name, use)                  \
	if (!symbols[SYM_##name] && !may_be_missing(s, SYM_##name)) \
		source_bpf_gap(s, false, "kernel symbol " #name, "not found in the kernel's symbol table: %s", use);
	FDPIN_SYMBOLS(X)
#undef X
	if (!s->snapshot->bss->finds_releases)
		source_bpf_gap(s, false, "files that are about to be released", "in struct file of this kernel none of the members is "
			       "known that have the call back for that (f_task_work, f_rcuhead, f_u.fu_rcuhead)");
}

/*
 * Symbols, and what ids are made with. A kernel that has just started has no
 * secret for that before its random numbers are ready; who asks for one and waits
 * makes them so, within a second or two where there is a cycle counter. With ids of
 * before a recording would call containers otherwise than status does later.
 */
static int resolve(struct source_bpf *s)
{
	int r = source_bpf_run(s->snapshot->progs.resolve, NULL, 0);
	char one;

	if (r != 1)
		return r;
	log_notice("Waiting for the kernel's random numbers: names of containers are made with them.");
	if (getrandom(&one, 1, 0) < 0)
		return -errno;
	for (int i = 0; i < 50 && (r = source_bpf_run(s->snapshot->progs.resolve, NULL, 0)) == 1; i++)
		usleep(100 * 1000);
	if (r == 1)
		log_warning("The kernel has no secret to make names of containers with: other commands may give them other names.");
	return r < 0 ? r : 0;
}

int load_snapshot(struct source_bpf *s)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = types_file(s->types));
	__u64 key[2];
	int err;

	s->snapshot = snapshot_bpf__open_opts(&opts);
	if (!s->snapshot)
		return -errno;
	source_bpf_key(key);
	s->snapshot->rodata->cfg.key[0] = key[0];
	s->snapshot->rodata->cfg.key[1] = key[1];
	/* What CO-RE does not find when it loads, a look does not see later. */
	if (!probe_struct(s->types, "vfio_iommu_type1", "vfio_iommu") && probe_module("vfio_iommu_type1"))
		source_bpf_gap(s, false, "ranges, and who waits for them",
			       "no type information of vfio_iommu_type1, although it is loaded");
	if (iommufd_untyped(s))
		source_bpf_gap(s, false, "contexts of iommufd", "no type information of iommufd, although it is loaded");
	if (s->filter.ring_bytes)
		bpf_map__set_max_entries(s->snapshot->maps.events, s->filter.ring_bytes);
	err = types_adapt(s->types, s->snapshot->skeleton);
	if (!err && *types_misfit(s->types))
		source_bpf_gap(s, false, "this kernel as it is", "%s", types_misfit(s->types));
	err = err ?: snapshot_bpf__load(s->snapshot);
	if (err)
		return err;
	source_bpf_tell_programs(s->snapshot->obj);
	err = resolve(s);
	if (err)
		return err;
	check_symbols(s);
	return 0;
}

/* ---- what is watched ------------------------------------------------------------ */

enum {
#define HOOK(what, module, func, need, why) HOOK_AT_##func,
	HOOKS(HOOK)
#undef HOOK
	HOOK__MAX
};

static const char *const hook_names[HOOK__MAX] = {
#define HOOK(what, module, func, need, why) #func,
	HOOKS(HOOK)
#undef HOOK
};

/*
 * To attach to. Type information can have a function of which the compiler has made
 * another, with a name like func.isra.0, and one that has other arguments here.
 */
static bool has_hook(const struct source_bpf *s, const char *module, unsigned int at)
{
	return !(s->unnamed >> at & 1) && types_func_fits(s->types, module, hook_names[at]);
}

static void enable_program(struct source_bpf *s, const char *kind, const char *func, const char *again)
{
	struct bpf_program *prog;
	char name[64];

	snprintf(name, sizeof(name), "%s__%s%s", kind, func, again);
	prog = bpf_object__find_program_by_name(s->trace->obj, name);
	if (prog)
		bpf_program__set_autoload(prog, true);
}

static void enable_hook(struct source_bpf *s, const char *func)
{
	enable_program(s, "fentry", func, "");
	enable_program(s, "fexit", func, "");
	enable_program(s, "fentry", func, PROGRAM_AGAIN);
	enable_program(s, "fexit", func, PROGRAM_AGAIN);
}

/* Turn on what the kernel has. */
static void choose_hooks(struct source_bpf *s)
{
#define HOOK(what, module, func, need, why)          \
	if (has_hook(s, module, HOOK_AT_##func))     \
		enable_hook(s, #func);
	HOOKS(HOOK)
#undef HOOK
	/* start_flush_work sees every flush; the entry of __flush_work would see some of them twice */
	if (has_hook(s, "vmlinux", HOOK_AT_start_flush_work)) {
		bpf_program__set_autoload(s->trace->progs.fentry____flush_work, false);
		bpf_program__set_autoload(s->trace->progs.fentry____flush_work__again, false);
	}
	if (probe_typedef(s->types, "vmlinux", "btf_trace_exit_mmap"))
		bpf_program__set_autoload(s->trace->progs.tp_btf__exit_mmap, true);
	bpf_program__set_autoload(s->trace->progs.tp_btf__sched_process_exec, true);
	bpf_program__set_autoload(s->trace->progs.tp_btf__sched_process_fork, true);
	bpf_program__set_autoload(s->trace->progs.tp_btf__sched_process_free, true);
}

static void tell_hook(struct source_bpf *s, const char *what, const char *module, unsigned int at, bool needed)
{
	if (s->unnamed >> at & 1)
		source_bpf_gap(s, true, what, "no function %s by its own name in this kernel: the compiler has made another of it", hook_names[at]);
	else if (probe_func(s->types, module, hook_names[at]) && !has_hook(s, module, at))
		source_bpf_gap(s, true, what, "the function %s has other arguments in this kernel", hook_names[at]);
	else if (needed && !has_hook(s, module, at))
		source_bpf_gap(s, true, what, "no function %s in this kernel", hook_names[at]);
}

/* Name what the kernel has not. */
static void tell_hooks(struct source_bpf *s)
{
#define HOOK(what, module, func, need, why) \
	tell_hook(s, what, module, HOOK_AT_##func, HOOK_##need == HOOK_REQUIRED || (HOOK_##need == HOOK_OF_CONTAINERS && s->containers));
	HOOKS(HOOK)
#undef HOOK
	if (probe_member(s->types, "vfio_iommu_type1", "vfio_iommu", "vaddr_wait") &&
	    !probe_func(s->types, "vfio_iommu_type1", "vfio_wait"))
		source_bpf_gap(s, true, "blocks on ranges", "vfio_wait is inlined in this kernel");
	if (probe_struct(s->types, "iommufd", "iommufd_ctx") && !probe_func(s->types, "iommufd", "iopt_pages_update_pinned") &&
	    !probe_func(s->types, "iommufd", "do_update_pinned"))
		source_bpf_gap(s, true, "charges of iommufd", "the function that makes them is inlined in this kernel");
	if (*types_misfit(s->types))
		source_bpf_gap(s, true, "this kernel as it is", "%s", types_misfit(s->types));
}

/* Which hooks does type information have, and the symbol table not? False if that cannot be read, or there is none. */
static bool find_unnamed(struct source_bpf *s)
{
	__u64 known = 0, here = 0;
	char line[512], name[256];
	FILE *f = fopen("/proc/kallsyms", "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %*c %255s", name) != 1)
			continue;
		for (unsigned int i = 0; i < HOOK__MAX; i++)
			if (!strcmp(name, hook_names[i]))
				here |= 1ULL << i;
	}
	if (!f || ferror(f) || !here) {
		if (f)
			fclose(f);
		return false;
	}
	fclose(f);
#define HOOK(what, module, func, need, why)             \
	if (probe_func(s->types, module, #func))        \
		known |= 1ULL << HOOK_AT_##func;
	HOOKS(HOOK)
#undef HOOK
	s->unnamed = known & ~here;
	return s->unnamed;
}

_Static_assert(HOOK__MAX <= 64, "a bit of source_bpf.unnamed for each");

static void configure(struct source_bpf *s)
{
	const struct source_filter *filter = &s->filter;
	struct fdpin_config *cfg = (struct fdpin_config *)&s->trace->rodata->cfg;

	cfg->key[0] = s->snapshot->bss->key[0];
	cfg->key[1] = s->snapshot->bss->key[1];
	cfg->events = filter->events ? filter->events : ~0ULL;
	cfg->container = filter->container;
	if (filter->container_bits)
		cfg->container_mask = filter->container_bits >= 64 ? ~0ULL : (1ULL << filter->container_bits) - 1;
	cfg->by_tgid = filter->n_tgids > 0;
	cfg->by_tid = filter->n_tids > 0;
	cfg->by_comm = filter->comm != NULL;
	cfg->stacks = filter->stacks;
	if (filter->comm)
		snprintf(cfg->comm, sizeof(cfg->comm), "%s", filter->comm);
}

int fill_list(struct bpf_map *map, const __u32 *list, unsigned int n)
{
	__u8 one = 1;

	for (unsigned int i = 0; i < n; i++)
		if (bpf_map__update_elem(map, &list[i], sizeof(list[i]), &one, sizeof(one), BPF_ANY))
			return -errno;
	return 0;
}

/* Processes to be followed: in their list, and in the hints of what is in it, which programs that run now add to as well. */
int follow_processes(struct source_bpf *s, const __u32 *list, unsigned int n)
{
	int fd = bpf_map__fd(s->trace->maps.hints), err = fill_list(s->trace->maps.tgids, list, n);
	struct fdpin_hints *h;

	if (err)
		return err;
	h = mmap(NULL, sizeof(*h), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (h == MAP_FAILED)
		return -errno;
	for (unsigned int i = 0; i < n; i++)
		__atomic_fetch_or(&h->tgids[list[i] / 64 % FDPIN_HINT_WORDS], 1ULL << list[i] % 64, __ATOMIC_RELAXED);
	munmap(h, sizeof(*h));
	return 0;
}

/* Does it only end what another program began? start_flush_work is the one whose return begins something. */
static bool is_end(const char *program)
{
	static const char begins[] = "fexit__start_flush_work";

	return !strncmp(program, "fexit__", 7) && strncmp(program, begins, sizeof(begins) - 1);
}

/* Each program by itself: one that cannot be attached is a gap, not the end. */
static unsigned int attach_some(struct source_bpf *s, bool ends)
{
	struct bpf_object_skeleton *skel = s->trace->skeleton;
	unsigned int attached = 0;

	for (int i = 0; i < skel->prog_cnt; i++) {
		struct bpf_prog_skeleton *p = (void *)((char *)skel->progs + i * skel->prog_skel_sz);

		if (!bpf_program__autoload(*p->prog) || is_end(p->name) != ends || *p->prog == s->trace->progs.fentry__vfio_remove_dma)
			continue; /* that one is attached once it is needed (count_unmapped()) */
		*p->link = types_attach(*p->prog);
		if (*p->link)
			attached++;
		else
			source_bpf_gap(s, true, p->name, "cannot attach: %s", strerror(errno));
	}
	return attached;
}

/* Ends first: a call whose begin is seen must not be able to end unseen. */
static int attach_programs(struct source_bpf *s)
{
	unsigned int attached = attach_some(s, true);

	return attached + attach_some(s, false) ? 0 : -EOPNOTSUPP;
}

static int share_map(struct bpf_map *map, const struct bpf_map *with)
{
	return bpf_map__reuse_fd(map, bpf_map__fd(with));
}

/* Those of the hooks that were chosen: one that the kernel does not take fails all of them. */
static int try_trace(struct source_bpf *s)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = types_file(s->types));
	int err;

	s->trace = trace_bpf__open_opts(&opts);
	if (!s->trace)
		return -errno;
	choose_hooks(s);
	configure(s);
	err = share_map(s->trace->maps.events, s->snapshot->maps.events);
	if (!err)
		err = share_map(s->trace->maps.vfio_users, s->snapshot->maps.vfio_users);
	if (!err)
		err = share_map(s->trace->maps.tgids, s->snapshot->maps.tgids);
	if (!err)
		err = share_map(s->trace->maps.charged_mms, s->snapshot->maps.charged_mms);
	if (!err)
		err = share_map(s->trace->maps.wanted_containers, s->snapshot->maps.wanted_containers);
	if (!err)
		err = share_map(s->trace->maps.hints, s->snapshot->maps.hints);
	if (!err)
		err = types_adapt(s->types, s->trace->skeleton);
	return err ?: trace_bpf__load(s->trace);
}

int load_trace(struct source_bpf *s)
{
	const struct source_filter *filter = &s->filter;
	int err;

	s->unnamed = 0;
	err = try_trace(s);
	/* looked for only now, as it takes reading all of the symbol table */
	if (err == -ENOENT && find_unnamed(s)) {
		trace_bpf__destroy(s->trace);
		err = try_trace(s);
	}
	if (err)
		return err;
	tell_hooks(s);
	source_bpf_tell_programs(s->trace->obj);
	err = follow_processes(s, filter->tgids, filter->n_tgids);
	if (!err)
		err = fill_list(s->trace->maps.tids, filter->tids, filter->n_tids);
	return err ? err : attach_programs(s);
}
