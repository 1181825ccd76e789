// SPDX-License-Identifier: GPL-2.0-only
/*
 * facts_tests.c - runs the programs of bpf/doctor.bpf.c (facts.h): each is
 * attached, what must make it run is done once, its counter is looked at, and
 * it is detached. All are loaded in one go; if that fails, each by itself, to
 * find out which of them this kernel refuses.
 */
#include "facts.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "doctor_bpf.skel.h"
#include "facts_iommufd.h"
#include "probe.h"
#include "source_bpf.h"
#include "types.h"
#include "util.h"

struct trial {
	struct facts *f;
	struct doctor_bpf *skel;
	struct bpf_program *prog;
};

/* ---- what makes them run: 0 or -errno -------------------------------------------------- */

static int run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int err = bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);

	return err;
}

static int run_itself(struct trial *t)
{
	return run(t->prog);
}

static int vfio_ioctl(struct trial *t)
{
	_cleanup_close_ int fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);

	(void)t;
	return fd >= 0 && ioctl(fd, VFIO_GET_API_VERSION) >= 0 ? 0 : -errno;
}

/* Any ioctl; this one no file knows, and the hook comes first. */
static int any_ioctl(struct trial *t)
{
	_cleanup_close_ int fd = eventfd(0, EFD_CLOEXEC);

	(void)t;
	if (fd < 0)
		return -errno;
	ioctl(fd, _IO(0xfd, 0xfd));
	return 0;
}

/* A link to an iterator does nothing by itself: what it is opened as is read. */
static int read_iterator(struct bpf_link *link)
{
	_cleanup_close_ int fd = bpf_iter_create(bpf_link__fd(link));
	char buf[64];
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EAGAIN))
		;
	return n < 0 ? -errno : 0;
}

/*
 * Over ourselves only: an iterator over files holds each one for a moment, and
 * must not become the last to close a file of somebody else's.
 */
static struct bpf_link *attach_iterator(struct bpf_program *prog)
{
	union bpf_iter_link_info info = { .task.pid = getpid() };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));

	return bpf_program__attach_iter(prog, &opts);
}

enum way { WAY_HOOK, WAY_RUN, WAY_ITERATOR };

static const struct {
	const char *name, *what;
	enum way way;
	int (*trigger)(struct trial *t);
} tests[] = {
#define X(name_, what_) [DOCTOR_##name_] = { .name = "test_" #name_, .what = what_ },
	DOCTOR_TESTS(X)
#undef X
#define WAY(name_, way_, trigger_) [DOCTOR_##name_].way = way_, [DOCTOR_##name_].trigger = trigger_
		WAY(fentry, WAY_HOOK, run_itself),
	WAY(fexit, WAY_HOOK, run_itself),
	WAY(fentry_module, WAY_HOOK, vfio_ioctl),
	WAY(fexit_module, WAY_HOOK, vfio_ioctl),
	WAY(iter_task, WAY_ITERATOR, NULL),
	WAY(iter_task_file, WAY_ITERATOR, NULL),
	WAY(iter_task_vma, WAY_ITERATOR, NULL),
	WAY(lsm, WAY_HOOK, any_ioctl),
	WAY(fmod_ret, WAY_HOOK, any_ioctl),
	WAY(read_kernel, WAY_RUN, NULL),
	WAY(symbols, WAY_RUN, NULL),
	WAY(update_pinned, WAY_HOOK, NULL),
#undef WAY
};

/* ---- CHANGE_PROCESS: is the counter of pinned pages asked to move? ------------------------ */

static void taken_over(struct trial *t, bool ipc_lock, struct fact *fact)
{
	struct takeover act;
	__u64 before;
	int r = takeover_prepare(&act, ipc_lock);

	if (!r) {
		before = t->skel->bss->fired[DOCTOR_update_pinned];
		r = takeover_call(&act);
		if (!r)
			fact_set(fact, known(t->skel->bss->fired[DOCTOR_update_pinned] > before), "%s", "");
		else
			fact_set(fact, NOT_KNOWN, "IOMMU_IOAS_CHANGE_PROCESS: %s", strerror(-r));
	} else {
		fact_set(fact, NOT_KNOWN, "cannot map a page of a file in a fresh context: %s",
			 r == -EPERM && ipc_lock ? "CAP_IPC_LOCK is missing" : strerror(-r));
	}
	takeover_end(&act);
}

static int take_over(struct trial *t)
{
	taken_over(t, false, &t->f->moves_user);
	taken_over(t, true, &t->f->moves_none);
	return 0;
}

/* ---- one test ------------------------------------------------------------------------------ */

/* A refusal may be about us rather than about the kernel. */
static void failed(struct trial *t, struct fact *fact, const char *doing, int err)
{
	if (err != -EPERM && err != -EACCES)
		fact_set(fact, KNOWN_NO, "cannot %s: %s", doing, strerror(-err));
	else if (t->f->missing_rights[0])
		fact_set(fact, NOT_KNOWN, "no permission; missing:%s", t->f->missing_rights);
	else
		fact_set(fact, NOT_KNOWN, "no permission to %s, although no capability is missing", doing);
}

static struct bpf_link *attach(enum way way, struct bpf_program *prog)
{
	return way == WAY_ITERATOR ? attach_iterator(prog) : types_attach(prog);
}

static void try_one(struct trial *t, enum doctor_test test)
{
	struct fact *fact = &t->f->tests[test];
	struct bpf_link *link = NULL;
	int r;

	t->prog = bpf_object__find_program_by_name(t->skel->obj, tests[test].name);
	if (tests[test].way != WAY_RUN) {
		link = attach(tests[test].way, t->prog);
		if (!link && tests[test].way == WAY_ITERATOR && (errno == E2BIG || errno == EINVAL)) {
			fact_set(fact, NOT_KNOWN, "it loads, but cannot be limited to ourselves, and was not run");
			return;
		}
		if (!link) {
			failed(t, fact, "attach", -errno);
			return;
		}
	}
	if (test == DOCTOR_update_pinned)
		r = take_over(t);
	else
		r = tests[test].way == WAY_ITERATOR ? read_iterator(link) :
		    tests[test].way == WAY_RUN	    ? run(t->prog) :
						      tests[test].trigger(t);
	if (t->skel->bss->fired[test])
		fact_set(fact, KNOWN_YES, "%s", "");
	else if (r)
		fact_set(fact, NOT_KNOWN, "what would make it run failed: %s", strerror(-r));
	else
		fact_set(fact, KNOWN_NO, "%s",
			 tests[test].way == WAY_RUN ? "it ran, and was refused" : "attached, but never called");
	bpf_link__destroy(link);
}

/* ---- all of them ------------------------------------------------------------------------------ */

static int load(struct trial *t, __u32 mask)
{
	int err;

	t->skel = doctor_bpf__open();
	if (!t->skel)
		return -errno;
	for (int i = 0; i < DOCTOR__max; i++)
		if (mask & 1U << i)
			bpf_program__set_autoload(bpf_object__find_program_by_name(t->skel->obj, tests[i].name), true);
	err = doctor_bpf__load(t->skel);
	source_bpf_tell_programs(t->skel->obj);
	return err ? err : run(t->skel->progs.whoami);
}

static void try_all(struct facts *f, __u32 mask)
{
	struct trial t = { .f = f };
	bool single = !(mask & (mask - 1));
	int err = load(&t, mask);

	for (int i = 0; i < DOCTOR__max; i++) {
		if (!(mask & 1U << i))
			continue;
		if (!err)
			try_one(&t, i);
		else if (single)
			failed(&t, &f->tests[i], "load", err);
	}
	doctor_bpf__destroy(t.skel);
	for (int i = 0; err && !single && i < DOCTOR__max; i++)
		if (mask & 1U << i)
			try_all(f, 1U << i);
}

/* The tests that have something to be tried on; of the others it is said why not. */
static __u32 choose(struct facts *f, struct types *types)
{
	__u32 mask = (1U << DOCTOR__max) - 1;

	for (int i = DOCTOR_fentry_module; i <= DOCTOR_fexit_module; i++) {
		if (f->containers.is == KNOWN_YES)
			continue;
		f->tests[i] = f->containers;
		f->tests[i].is = NOT_KNOWN;
		mask &= ~(1U << i);
	}
	if (f->change_process.is != KNOWN_YES || f->iommufd.types.is != KNOWN_YES) {
		struct fact *why = f->change_process.is != KNOWN_YES ? &f->change_process : &f->iommufd.types;

		fact_set(&f->tests[DOCTOR_update_pinned], NOT_KNOWN, "%s", why->why);
		mask &= ~(1U << DOCTOR_update_pinned);
	} else if (!probe_func(types, "iommufd", "iopt_pages_update_pinned")) {
		fact_set(&f->tests[DOCTOR_update_pinned], KNOWN_NO, "no function iopt_pages_update_pinned");
		mask &= ~(1U << DOCTOR_update_pinned);
	}
	return mask;
}

void facts_tests(struct facts *f, struct types *types)
{
	struct fact *update = &f->tests[DOCTOR_update_pinned];
	bool old = types && probe_too_old();

	if (types)
		try_all(f, choose(f, types));
	/* what walks does so in loops, whatever it walks with */
	for (int i = DOCTOR_iter_task; old && i <= DOCTOR_iter_task_vma; i++)
		fact_set(&f->tests[i], KNOWN_NO, TOO_OLD);
	for (int i = 0; !types && i < DOCTOR__max; i++)
		fact_set(&f->tests[i], NOT_KNOWN, "the kernel's own types are missing: %.120s", f->btf.why);
	/* without the program that counts there is nothing to be known of it */
	if (f->moves_user.is == NOT_KNOWN && !f->moves_user.why[0])
		fact_set(&f->moves_user, NOT_KNOWN, "%s", update->why);
	if (f->moves_none.is == NOT_KNOWN && !f->moves_none.why[0])
		fact_set(&f->moves_none, NOT_KNOWN, "%s", update->why);
}
