// SPDX-License-Identifier: GPL-2.0-only
/*
 * source_bpf.c - records from the running kernel: live hooks and looks.
 *
 * Two BPF objects share one ring buffer. snapshot_bpf is always loaded (a look
 * is how every question about holders is answered); trace_bpf only when the
 * caller wants history. What could not be had (rights, a hook, a symbol, a
 * full table, a PID namespace) becomes a gap record, so that it reaches every
 * verdict and every recording the same way as an event does.
 *
 * Records are submitted without waking us, so the ring is looked at by a
 * timer (POLL_MS) as well as on the few events that do wake.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "emit.h"
#include "probe.h"
#include "source.h"
#include "util.h"

#include "look_memory.h"

#include "../bpf/compat.h"

#define POLL_MS 50

/* ---- records made here ---------------------------------------------------- */

void source_bpf_deliver(struct source_bpf *s, const struct fdpin_hdr *h)
{
	if (!s->stop)
		s->stop = emit(s->fn, s->ctx, h);
}

/* hooks: what is missing concerns what is watched, not what a look sees. */
static void __attribute__((format(printf, 4, 5)))
deliver_gap(struct source_bpf *s, bool hooks, const char *what, const char *fmt, ...)
{
	char why[sizeof(((struct ev_gap *)0)->why)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (!s->stop)
		s->stop = hooks ? emit_hooks_gap(s->fn, s->ctx, what, why) : emit_gap(s->fn, s->ctx, what, why);
}

static __u64 lost_now(const struct source_bpf *s)
{
	return s->undecoded + s->missed + (s->snapshot ? s->snapshot->bss->stats.lost : 0) + (s->trace ? s->trace->bss->stats.lost : 0);
}

__u64 source_bpf_lost(const struct source_bpf *s)
{
	return lost_now(s);
}

/*
 * Times the kernel did not run a program because the CPU was in it already:
 * no record, and nobody in BPF to count it. Asked once a second, as it costs a
 * system call for each program.
 */
static __u64 count_missed(struct source_bpf *s)
{
	__u64 now = now_ns(), missed = 0;
	struct bpf_program *prog;

	if (!s->trace || now < s->missed_asked + NSEC_PER_SEC)
		return s->missed;
	s->missed_asked = now;
	bpf_object__for_each_program(prog, s->trace->obj) {
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);

		if (bpf_program__fd(prog) >= 0 && !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			missed += info.recursion_misses;
	}
	return s->missed = missed;
}

/* Loss since the last time, as a record; a call without state is a loss too. */
static void deliver_lost(struct source_bpf *s)
{
	__u64 lost, no_state = s->trace ? s->trace->bss->stats.no_state : 0;
	__u64 full = s->trace ? s->trace->bss->stats.table_full : 0;
	struct ev_lost e = EV_INIT(lost);

	count_missed(s);
	lost = lost_now(s);
	if (full && !s->full_reported)
		deliver_gap(s, true, "children of the processes asked for", "there were too many to follow");
	s->full_reported = full;

	if (no_state != s->no_state_reported) {
		deliver_gap(s, true, "calls", "%llu calls were not followed: no memory for their state", no_state);
		s->no_state_reported = no_state;
	}
	if (lost == s->lost_reported)
		return;
	e.count = lost - s->lost_reported;
	s->lost_reported = lost;
	source_bpf_deliver(s, &e.h);
}

/* ---- the ring buffer ------------------------------------------------------ */

/* Never returns negative unless fn wants to stop: libbpf takes that as the end. */
static int on_sample(void *ctx, void *data, size_t size)
{
	struct source_bpf *s = ctx;
	struct record r;

	if (record_decode(data, size, &r) < 0) {
		s->undecoded++;
		return 0;
	}
	if (s->memory)
		look_memory_note(s->memory, &r);
	s->stop = s->fn(s->ctx, &r);
	return s->stop ? -ECANCELED : 0;
}

/* Number of records handed over, or -errno, or what fn returned. */
static int consume(struct source_bpf *s)
{
	int n = ring_buffer__consume(s->ring);

	deliver_lost(s);
	return s->stop ? s->stop : n;
}

/* The same where only trouble matters. */
int source_bpf_drain(struct source_bpf *s)
{
	int n = consume(s);

	return s->stop || n < 0 ? n : 0;
}

int source_bpf_poll(struct source_bpf *s, int timeout_ms)
{
	struct epoll_event ev;
	__u64 ticks;
	int n;

	s->stop = 0;
	if (!s->ring)
		return 0;
	n = epoll_wait(s->epoll_fd, &ev, 1, timeout_ms);
	if (n < 0 && errno != EINTR)
		return -errno;
	if (read(s->timer_fd, &ticks, sizeof(ticks)) < 0 && errno != EAGAIN)
		return -errno;
	return consume(s);
}

int source_bpf_fd(const struct source_bpf *s)
{
	return s->epoll_fd;
}

static int open_poll(struct source_bpf *s)
{
	struct itimerspec every = {
		.it_interval.tv_nsec = POLL_MS * 1000000L,
		.it_value.tv_nsec = POLL_MS * 1000000L,
	};
	struct epoll_event ev = { .events = EPOLLIN };

	s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->timer_fd < 0 || s->epoll_fd < 0 || timerfd_settime(s->timer_fd, 0, &every, NULL) ||
	    epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->timer_fd, &ev))
		return -errno;
	if (!s->ring)
		return 0;
	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, ring_buffer__epoll_fd(s->ring), &ev))
		return -errno;
	return 0;
}

/* ---- loading -------------------------------------------------------------- */

/* Half of what ids are made with: differs from boot to boot. The other half is the kernel's layout. */
static void make_key(__u64 key[2])
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char boot_id[64] = "";

	if (fd >= 0 && read(fd, boot_id, sizeof(boot_id) - 1) < 0)
		boot_id[0] = '\0';
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

/* The secret of ids costs no sight; what iommufd is looked for with is missing where there is no iommufd. */
static bool may_be_missing(const struct source_bpf *s, int symbol)
{
	if (symbol == SYM_iommufd_fops)
		return !probe_struct(s->vmlinux_btf, "iommufd", "iommufd_ctx");
	return symbol == SYM_ptr_key;
}

static void check_symbols(struct source_bpf *s)
{
	const __u64 *symbols = s->snapshot->bss->symbols;
	bool any = false;

	for (int i = 0; i < SYM__max; i++)
		any |= symbols[i] != 0;
	if (!any) {
		deliver_gap(s, false, "kernel symbols", "their addresses are hidden: kernel.kptr_restrict=2, or CAP_SYSLOG is missing");
		return;
	}
#define X(name, use)                  \
	if (!symbols[SYM_##name] && !may_be_missing(s, SYM_##name)) \
		deliver_gap(s, false, "kernel symbol " #name, "not found in the kernel's symbol table: %s", use);
	FDPIN_SYMBOLS(X)
#undef X
}

static int load_snapshot(struct source_bpf *s, const struct source_filter *filter, bool history)
{
	__u64 key[2];
	int err;

	s->snapshot = snapshot_bpf__open();
	if (!s->snapshot)
		return -errno;
	make_key(key);
	s->snapshot->rodata->cfg.key[0] = key[0];
	s->snapshot->rodata->cfg.key[1] = key[1];
	/* What CO-RE does not find when it loads, a look does not see later. */
	if (!probe_struct(s->vmlinux_btf, "vfio_iommu_type1", "vfio_iommu")) {
		if (probe_module("vfio_iommu_type1"))
			deliver_gap(s, false, "ranges, and who waits for them",
				    "no type information of vfio_iommu_type1, although it is loaded");
		else if (history)
			deliver_gap(s, false, "ranges, and who waits for them",
				    "vfio_iommu_type1 is not loaded; start again when it is");
	}
	if (filter->ring_bytes)
		bpf_map__set_max_entries(s->snapshot->maps.events, filter->ring_bytes);
	err = snapshot_bpf__load(s->snapshot);
	if (err)
		return err;
	err = source_bpf_run(s->snapshot->progs.resolve, NULL, 0);
	if (err)
		return err;
	check_symbols(s);
	return 0;
}

static struct bpf_program *find_program(struct source_bpf *s, const char *kind, const char *func)
{
	char name[64];

	snprintf(name, sizeof(name), "%s__%s", kind, func);
	return bpf_object__find_program_by_name(s->trace->obj, name);
}

static void enable_hook(struct source_bpf *s, const char *func)
{
	struct bpf_program *entry = find_program(s, "fentry", func), *ret = find_program(s, "fexit", func);

	if (entry)
		bpf_program__set_autoload(entry, true);
	if (ret)
		bpf_program__set_autoload(ret, true);
}

/* Turn on what the kernel has; name what it has not. */
static void choose_hooks(struct source_bpf *s, const struct source_filter *filter)
{
	(void)filter;
#define HOOK(what, module, func, required, why)                                                                    \
	if (probe_func(s->vmlinux_btf, module, #func))                                                                            \
		enable_hook(s, #func);                                                                             \
	else if (required)                                                                                         \
		deliver_gap(s, true, what, "no function %s in this kernel", #func);
	HOOKS(HOOK)
#undef HOOK
	/* start_flush_work sees every flush; the entry of __flush_work would see some of them twice */
	if (probe_func(s->vmlinux_btf, "vmlinux", "start_flush_work"))
		bpf_program__set_autoload(s->trace->progs.fentry____flush_work, false);
	if (probe_member(s->vmlinux_btf, "vfio_iommu_type1", "vfio_iommu", "vaddr_wait") &&
		 !probe_func(s->vmlinux_btf, "vfio_iommu_type1", "vfio_wait"))
		deliver_gap(s, true, "blocks on ranges", "vfio_wait is inlined in this kernel");
	bpf_program__set_autoload(s->trace->progs.tp_btf__sched_process_exec, true);
	bpf_program__set_autoload(s->trace->progs.tp_btf__sched_process_fork, true);
	bpf_program__set_autoload(s->trace->progs.tp_btf__sched_process_free, true);
}

static void configure(struct source_bpf *s, const struct source_filter *filter)
{
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

static int fill_list(struct bpf_map *map, const __u32 *list, unsigned int n)
{
	__u8 one = 1;

	for (unsigned int i = 0; i < n; i++)
		if (bpf_map__update_elem(map, &list[i], sizeof(list[i]), &one, sizeof(one), BPF_ANY))
			return -errno;
	return 0;
}

/* Does it only end what another program began? start_flush_work is the one whose return begins something. */
static bool is_end(const char *program)
{
	return !strncmp(program, "fexit__", 7) && strcmp(program, "fexit__start_flush_work");
}

/* Each program by itself: one that cannot be attached is a gap, not the end. */
static unsigned int attach_some(struct source_bpf *s, bool ends)
{
	struct bpf_object_skeleton *skel = s->trace->skeleton;
	unsigned int attached = 0;

	for (int i = 0; i < skel->prog_cnt; i++) {
		struct bpf_prog_skeleton *p = (void *)((char *)skel->progs + i * skel->prog_skel_sz);

		if (!bpf_program__autoload(*p->prog) || is_end(p->name) != ends)
			continue;
		*p->link = bpf_program__attach(*p->prog);
		if (*p->link)
			attached++;
		else
			deliver_gap(s, true, p->name, "cannot attach: %s", strerror(errno));
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

static int load_trace(struct source_bpf *s, const struct source_filter *filter)
{
	int err;

	s->trace = trace_bpf__open();
	if (!s->trace)
		return -errno;
	choose_hooks(s, filter);
	configure(s, filter);
	err = share_map(s->trace->maps.events, s->snapshot->maps.events);
	if (!err)
		err = share_map(s->trace->maps.vfio_users, s->snapshot->maps.vfio_users);
	if (!err)
		err = share_map(s->trace->maps.tgids, s->snapshot->maps.tgids);
	if (!err)
		err = share_map(s->trace->maps.wanted_containers, s->snapshot->maps.wanted_containers);
	if (!err)
		err = trace_bpf__load(s->trace);
	if (!err)
		err = fill_list(s->trace->maps.tgids, filter->tgids, filter->n_tgids);
	if (!err)
		err = fill_list(s->trace->maps.tids, filter->tids, filter->n_tids);
	return err ? err : attach_programs(s);
}

static int open_kernel(struct source_bpf *s, const struct source_filter *filter, bool history, const char **why)
{
	int err;

	/* Without them even "there is no VFIO here" could not be told from "it cannot be seen". */
	if (*probe_missing_rights())
		return -EPERM;
	s->vmlinux_btf = btf__load_vmlinux_btf();
	if (!s->vmlinux_btf) {
		*why = "this kernel has no BTF (/sys/kernel/btf/vmlinux)";
		return -EOPNOTSUPP;
	}
	if (!probe_struct(s->vmlinux_btf, "vfio", "vfio_container")) {
		if (probe_module("vfio")) {
			*why = "VFIO is loaded, but this kernel has no type information (BTF) for it";
			return -EOPNOTSUPP;
		}
		s->no_vfio = true;
		*why = "VFIO is not loaded, so there is nothing to see; modprobe vfio_iommu_type1 first";
		return history ? -EOPNOTSUPP : 0;
	}
	*why = "cannot load the BPF programs that look at the standing system";
	err = load_snapshot(s, filter, history);
	if (err)
		return err;
	s->ring = ring_buffer__new(bpf_map__fd(s->snapshot->maps.events), on_sample, s, NULL);
	if (!s->ring)
		return -errno;
	if (!history)
		return 0;
	*why = "cannot load or attach the BPF programs that watch";
	return load_trace(s, filter);
}

int source_bpf_open(struct source_bpf **ret, const struct source_filter *filter, bool history, const char *command,
		    source_fn fn, void *ctx, const char **why)
{
	static char text[160];
	struct source_bpf *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->fn = fn;
	s->ctx = ctx;
	s->epoll_fd = s->timer_fd = -1;
	if (filter->details) {
		s->memory = look_memory_new();
		if (!s->memory) {
			free(s);
			return -ENOMEM;
		}
	}
	s->stop = emit_session(fn, ctx, command, history);
	if (!probe_host_pid_namespace())
		deliver_gap(s, false, "threads outside this PID namespace",
			    "a look sees only the threads of its own PID namespace; run on the host");
	err = open_kernel(s, filter, history, why);
	if (!err)
		err = open_poll(s);
	if (!err) {
		*ret = s;
		return 0;
	}
	if (err == -EPERM || err == -EACCES) {
		const char *rights = probe_missing_rights();

		err = -EPERM;
		snprintf(text, sizeof(text), "no permission; missing:%s", *rights ? rights : " none of the usual (lockdown?)");
		*why = text;
	} else if (err != -EOPNOTSUPP) {
		snprintf(text, sizeof(text), "%s: %s", *why, strerror(-err));
		*why = text;
	}
	source_bpf_close(s);
	return err;
}

void source_bpf_close(struct source_bpf *s)
{
	if (!s)
		return;
	trace_bpf__destroy(s->trace);
	ring_buffer__free(s->ring);
	snapshot_bpf__destroy(s->snapshot);
	btf__free(s->vmlinux_btf);
	look_memory_free(s->memory);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	if (s->timer_fd >= 0)
		close(s->timer_fd);
	free(s);
}

int source_bpf_follow(struct source_bpf *s, __u32 tgid)
{
	return s->trace ? fill_list(s->trace->maps.tgids, &tgid, 1) : 0;
}
