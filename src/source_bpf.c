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
#include "types.h"
#include "util.h"

#include "log.h"
#include "look_memory.h"

#define POLL_MS (WAKE_EVERY_NS / 1000000)
#define ALONE_POLLS 20 /* a second */

/* ---- records made here ---------------------------------------------------- */

void source_bpf_deliver(struct source_bpf *s, const struct fdpin_hdr *h)
{
	if (!s->stop)
		s->stop = emit(s->fn, s->ctx, h);
}

void source_bpf_gap(struct source_bpf *s, bool hooks, const char *what, const char *fmt, ...)
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
	const struct fdpin_stats *trace = s->trace ? &s->trace->bss->stats : NULL;

	return s->lost_before + s->undecoded + s->missed + (s->snapshot ? s->snapshot->bss->stats.lost : 0) +
	       (trace ? trace->lost + trace->no_exec : 0);
}

__u64 source_bpf_lost(const struct source_bpf *s)
{
	return lost_now(s);
}

void source_bpf_ending(struct source_bpf *s)
{
	s->ending = true;
}

/*
 * Those that every process of the system runs, so that they would be missed for
 * somebody who has nothing to do with VFIO: for whom it matters, the program that
 * comes next knows.
 */
static bool is_made_good(const struct source_bpf *s, const struct bpf_program *prog)
{
	return prog == s->trace->progs.fentry__membarrier_exec_mmap ||
	       (prog == s->trace->progs.fentry__exit_mmap && bpf_program__fd(s->trace->progs.tp_btf__exit_mmap) >= 0);
}

/*
 * Times the kernel did not run a program because the CPU was in it already,
 * which a thread that was preempted there is enough for: no record, and nobody
 * in BPF to count it. Asked once a second, as it costs a system call for each
 * program.
 */
static __u64 times_left_out(const struct bpf_program *prog)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int fd = prog ? bpf_program__fd(prog) : -1;

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.recursion_misses;
}

/*
 * Of one that is there twice, no more calls are lost in a while than the one
 * that was left out less often was. A call may be between two readings, so what
 * is new lasts for two.
 */
static __u64 both_left_out(struct left_out *l, __u64 first, __u64 second)
{
	__u64 first_new = first - l->first, second_new = second - l->second;
	__u64 a = first_new + l->first_new, b = second_new + l->second_new, both = a < b ? a : b;

	l->first = first;
	l->second = second;
	l->first_new = both ? 0 : first_new;
	l->second_new = both ? 0 : second_new;
	return l->both += both;
}

/* The second of a program that is there twice; NULL: it is not, or that one is not loaded. */
static const struct bpf_program *second_of(const struct source_bpf *s, const struct bpf_program *prog)
{
	const struct bpf_program *second;
	char again[64];

	snprintf(again, sizeof(again), "%s" PROGRAM_AGAIN, bpf_program__name(prog));
	second = bpf_object__find_program_by_name(s->trace->obj, again);
	return second && bpf_program__fd(second) >= 0 ? second : NULL;
}

/* Names are looked for once: it is all programs for each. */
static __u64 missed_by(struct source_bpf *s, const struct bpf_program *prog, struct left_out *l)
{
	if (l->prog != prog) {
		l->prog = prog;
		l->counts = !strstr(bpf_program__name(prog), PROGRAM_AGAIN) && !is_made_good(s, prog);
		l->again = l->counts ? second_of(s, prog) : NULL;
	}
	if (!l->counts)
		return 0;
	return l->again ? both_left_out(l, times_left_out(prog), times_left_out(l->again)) : times_left_out(prog);
}

_Static_assert(sizeof(((struct trace_bpf *)NULL)->progs) / sizeof(struct bpf_program *) <= PROGRAMS_MAX, "PROGRAMS_MAX");

static __u64 count_missed(struct source_bpf *s)
{
	__u64 now = now_ns(), missed = 0, n;
	struct bpf_program *prog;
	unsigned int i = 0;

	if (!s->trace || (!s->ending && now < s->missed_asked + NSEC_PER_SEC))
		return s->missed;
	/* by the second, not by the look that comes next after it */
	s->missed_asked = now < s->missed_asked + 2 * NSEC_PER_SEC ? s->missed_asked + NSEC_PER_SEC : now;
	bpf_object__for_each_program(prog, s->trace->obj) {
		struct left_out *l = &s->left_out[i++];

		n = missed_by(s, prog, l);
		missed += n;
		if (n != l->told)
			log_info("program %s: left out by the kernel %llu times", bpf_program__name(prog), n);
		l->told = n;
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
		source_bpf_gap(s, true, "children of the processes asked for", "there were too many to follow");
	s->full_reported = full;

	if (no_state != s->no_state_reported) {
		source_bpf_gap(s, true, "calls", "%llu calls were not followed: no memory for their state", no_state);
		s->no_state_reported = no_state;
	}
	if (lost == s->lost_reported)
		return;
	e.count = lost - s->lost_reported;
	s->lost_reported = lost;
	source_bpf_deliver(s, &e.h);
}

/* ---- the ring buffer ------------------------------------------------------ */

/*
 * Once an address space has gone that something was charged to, what is unmapped has to
 * be counted, which all unmapping costs; so it is not before.
 */
static void count_unmapped(struct source_bpf *s, const struct fdpin_hdr *h)
{
	bool gone = h->type == EV_mm_gone || (h->type == EV_mm && ((const struct ev_mm *)h)->users <= 0);

	if (!gone || !s->trace || s->trace->links.fentry__vfio_remove_dma)
		return;
	s->trace->bss->somebody_left = 1;
	/* where it cannot be had, each unmapping says that it was not counted */
	if (bpf_program__fd(s->trace->progs.fentry__vfio_remove_dma) >= 0)
		s->trace->links.fentry__vfio_remove_dma = types_attach(s->trace->progs.fentry__vfio_remove_dma);
	s->trace->bss->counting = s->trace->links.fentry__vfio_remove_dma != NULL;
}

/* What was reserved at once: one record behind the other. */
static int on_sample(void *ctx, const void *data, size_t size)
{
	struct source_bpf *s = ctx;
	struct record r;
	int n;

	for (const char *p = data, *end = p + size; p < end; p += n) {
		n = record_decode(p, end - p, &r);
		if (n < 0) {
			s->undecoded++;
			break;
		}
		if (s->memory)
			look_memory_note(s->memory, &r);
		count_unmapped(s, r.h);
		s->stop = s->fn(s->ctx, &r);
		if (s->stop)
			return -ECANCELED;
	}
	return 0;
}

/*
 * Number of pieces handed over, each a record or two, or -errno, or what fn returned. No more than
 * the ring has room for: in a storm there would be no end to it.
 */
static int consume(struct source_bpf *s)
{
	int n = ring_consume(&s->ring, s->ring.size / sizeof(struct fdpin_hdr), on_sample, s);

	deliver_lost(s);
	return s->stop ? s->stop : n;
}

/* The same where only trouble matters. */
int source_bpf_drain(struct source_bpf *s)
{
	int n = consume(s);

	return s->stop || n < 0 ? n : 0;
}

static int poll_ring(const struct source_bpf *s)
{
	struct epoll_event ev = { .events = EPOLLIN };

	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->ring.fd, &ev) ? -errno : 0;
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
	return 0;
}

/* ---- the kernel's side: programs, tables, ring ------------------------------ */

static void note_modules(struct source_bpf *s)
{
	s->vfio = probe_module_identity("vfio", 0);
	s->type1 = probe_module_identity("vfio_iommu_type1", 0);
	s->came_alone = 0;
}

/* The programs, into the kernel; s->types is open. */
static int load_programs(struct source_bpf *s, const char **why)
{
	int err;

	if (!probe_vfio(s->types)) {
		if (probe_module("vfio")) {
			*why = "VFIO is loaded, but this kernel has no type information (BTF) for it";
			return -EOPNOTSUPP;
		}
		s->no_vfio = true;
		return 0;
	}
	s->no_vfio = false;
	s->containers = probe_struct(s->types, "vfio", "vfio_container");
	*why = "cannot load the BPF programs that look at the standing system";
	err = load_snapshot(s);
	if (err && probe_too_old())
		*why = TOO_OLD;
	if (err)
		return err;
	if (!s->history)
		return 0;
	*why = "cannot load or attach the BPF programs that watch";
	return load_trace(s);
}

static int open_kernel(struct source_bpf *s, const char **why)
{
	int err;

	note_modules(s);
	/* Without them even "there is no VFIO here" could not be told from "it cannot be seen". */
	if (*probe_missing_rights())
		return -EPERM;
	s->types = types_open();
	if (!s->types) {
		*why = "this kernel has no BTF (/sys/kernel/btf/vmlinux)";
		return -EOPNOTSUPP;
	}
	err = load_programs(s, why);
	types_close(s->types);
	s->types = NULL;
	if (err || s->no_vfio)
		return err;
	/* What takes most memory comes last, when the rest of it was given back. */
	*why = "cannot map the buffer for records";
	err = ring_open(&s->ring, bpf_map__fd(s->snapshot->maps.events), bpf_map__max_entries(s->snapshot->maps.events));
	if (!err)
		err = poll_ring(s);
	if (err)
		return err;
	*why = "cannot follow the command";
	return s->followed && s->trace ? follow_processes(s, &s->followed, 1) : 0;
}

static void close_kernel(struct source_bpf *s)
{
	trace_bpf__destroy(s->trace);
	ring_close(&s->ring);
	snapshot_bpf__destroy(s->snapshot);
	s->trace = NULL;
	s->snapshot = NULL;
}

/* ---- modules that come and go while we watch ----------------------------------- */

/*
 * Must the hooks be put on again? A module that goes takes them along, where
 * the kernel lets it go; older ones say that it is in use. type1 comes right
 * after vfio, so vfio alone is given a moment.
 */
static bool modules_came(struct source_bpf *s)
{
	__u64 vfio = probe_module_identity("vfio", s->vfio), type1 = probe_module_identity("vfio_iommu_type1", s->type1);

	if (vfio == s->vfio && type1 == s->type1)
		return false;
	if (vfio && vfio != s->vfio && !type1)
		return ++s->came_alone > ALONE_POLLS;
	if (vfio && type1 && (vfio != s->vfio || type1 != s->type1))
		return true;
	s->vfio = vfio;
	s->type1 = type1;
	s->no_vfio |= !vfio;
	return false;
}

/* With all programs made for what is there now. What was lost so far stays lost. */
static int reopen(struct source_bpf *s)
{
	const char *why = "";
	int err;

	s->missed_asked = 0; /* nobody can be asked any more in a moment */
	if (s->ring.consumer)
		consume(s);
	s->lost_before = lost_now(s);
	s->undecoded = s->missed = s->no_state_reported = s->full_reported = 0;
	memset(s->left_out, 0, sizeof(s->left_out));
	close_kernel(s);
	err = open_kernel(s, &why);
	source_bpf_gap(s, true, "the first calls",
		       "a module of VFIO was loaded while this ran: what was done before its functions were hooked was not seen");
	if (err) {
		source_bpf_gap(s, false, "VFIO, which was loaded while this ran", "%s: %s", why, strerror(-err));
		close_kernel(s); /* half of it is of no use */
	}
	return err;
}

int source_bpf_poll(struct source_bpf *s, int timeout_ms)
{
	struct epoll_event ev;
	__u64 ticks;
	int n;

	s->stop = 0;
	if (s->history && modules_came(s)) {
		n = reopen(s);
		if (n)
			return n;
	}
	n = epoll_wait(s->epoll_fd, &ev, 1, timeout_ms);
	if (n < 0 && errno != EINTR)
		return -errno;
	/* also while there is nothing to look at: whoever waits for us would be woken at once, over and over */
	if (read(s->timer_fd, &ticks, sizeof(ticks)) < 0 && errno != EAGAIN)
		return -errno;
	if (!s->ring.consumer)
		return 0;
	return consume(s);
}

int source_bpf_fd(const struct source_bpf *s)
{
	return s->epoll_fd;
}

int source_bpf_open(struct source_bpf **ret, const struct source_filter *filter, bool history, const char *command,
		    source_fn fn, void *ctx, const char **why)
{
	static char text[160];
	const char *rights;
	struct source_bpf *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->fn = fn;
	s->ctx = ctx;
	s->filter = *filter;
	s->history = history;
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
		source_bpf_gap(s, false, "threads outside this PID namespace",
			    "a look sees only the threads of its own PID namespace; run on the host");
	err = open_poll(s);
	if (!err)
		err = open_kernel(s, why);
	if (!err) {
		*ret = s;
		return 0;
	}
	rights = probe_missing_rights();
	if (err != -EOPNOTSUPP && !*rights && !strcmp(probe_lockdown(), "confidentiality")) { /* the verifier calls it EINVAL */
		err = -EPERM;
		*why = "kernel lockdown is in mode confidentiality: no program may read kernel memory";
	} else if (err == -EPERM || err == -EACCES) {
		err = -EPERM;
		snprintf(text, sizeof(text), "no permission; missing:%s", *rights ? rights : " none of the usual");
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
	close_kernel(s);
	look_memory_free(s->memory);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	if (s->timer_fd >= 0)
		close(s->timer_fd);
	free(s);
}

bool source_bpf_waits(const struct source_bpf *s)
{
	return s->no_vfio;
}

int source_bpf_follow(struct source_bpf *s, __u32 tgid)
{
	s->followed = tgid;
	return s->trace ? follow_processes(s, &tgid, 1) : 0;
}
