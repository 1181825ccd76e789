// SPDX-License-Identifier: GPL-2.0-only
/*
 * guard.c - bpf/guard.bpf.c into the kernel, whole or not at all (guard.h).
 *
 * First as LSM programs; where their canary does not come back (bpf is not in
 * the list of LSMs: they attach there, and are never called), all of it is
 * taken away and tried as fmod_ret. Which programs are asked for follows from
 * the mechanism and the kernel; one that is asked for and cannot be had ends it.
 */
#include "guard.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "doctor.h"
#include "emit.h"
#include "log.h"
#include "look_memory.h"
#include "probe.h"
#include "ring.h"
#include "types.h"
#include "util.h"

#include "source_bpf.h"

#include "guard_sweep.h"
#include "guard_window.h"

struct guard {
	struct guard_bpf *skel;
	struct ring ring;
	struct types *types; /* only while it is opened */
	enum mechanism mechanism;
	enum promise promise;
	char promise_why[TEXT_MAX], no_veto[160];
	const char *compat;
	__u32 nonce;
	bool veto, has_compat, protect;
	bool strict; /* that rule was on at the start */
	bool no_secret; /* the kernel had none yet to make ids with */
	source_fn fn;
	void *ctx;
	int stop;
	__u64 undecoded, reclaimed;
	__u64 asked[2]; /* of reservations and of openings: the thread that was asked about last */
	struct sweep sweep;
	__u64 max_window_ns, looked;
	/* what only we write, and its programs go by: see guard_mend() */
	struct guard_policy holds;
	struct guard_owner owner;
	__u64 symbols[GUARD_SYM__max], key[2];
	__u64 heard; /* canaries */
	__u64 lost_told, lost_told_ns;
};

static char why_text[512];

static int fail(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int fail(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why_text, sizeof(why_text), fmt, ap);
	va_end(ap);
	return err;
}

static const char *mechanism_name(enum mechanism m)
{
	return m == MECHANISM_LSM ? "LSM" : "fmod_ret";
}

/* ---- which kernel is under it ---------------------------------------------------------- */

/* Does the kernel itself keep an invalid range and a mediated device apart? As doctor judges it. */
static void ask_kernel(struct guard *g)
{
	struct facts *f = calloc(1, sizeof(*f));
	struct check c = {};

	if (!f)
		return;
	facts_of_exclusion(f, g->types);
	judge_mdev_exclusion(&c, f);
	g->promise = c.answer == KNOWN_YES ? PROMISE_AUDIT : c.answer == KNOWN_NO ? PROMISE_HONEST : PROMISE_UNKNOWN;
	snprintf(g->promise_why, sizeof(g->promise_why), "%s", c.why);
	free(f);
}

/* ---- the programs ------------------------------------------------------------------------- */

static bool has_compat_hook(const struct guard *g)
{
	return probe_func(g->types, "vmlinux", g->mechanism == MECHANISM_LSM ? "bpf_lsm_file_ioctl_compat" : "security_file_ioctl_compat");
}

static void choose_protect(struct guard *g)
{
	struct guard_bpf *s = g->skel;
	struct bpf_program *const programs[] = {
		s->progs.lsm__bpf, s->progs.lsm__bpf_map, s->progs.lsm__bpf_prog, s->progs.lsm__ptrace_access_check, s->progs.lsm__inode_unlink,
		s->progs.lsm__inode_rmdir, s->progs.lsm__inode_rename, s->progs.lsm__sb_umount, s->progs.guard_own, s->progs.guard_own_folder,
	};

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		bpf_program__set_autoload(programs[i], g->protect);
	bpf_map__set_autocreate(s->maps.own_objects, g->protect);
}

/* Programs of this mechanism. Where the kernel has no hook for 32-bit calls, these come by the other one. */
static void choose(struct guard *g)
{
	struct guard_bpf *s = g->skel;
	bool lsm = g->mechanism == MECHANISM_LSM, compat = has_compat_hook(g);
	bool unfixed = g->promise != PROMISE_AUDIT; /* joins and reservations are followed, with or without the veto */

	bpf_program__set_autoload(s->progs.lsm__file_ioctl, lsm);
	bpf_program__set_autoload(s->progs.lsm__file_ioctl_compat, lsm && compat);
	bpf_program__set_autoload(s->progs.fmod_ret__file_ioctl, !lsm);
	bpf_program__set_autoload(s->progs.fmod_ret__file_ioctl_compat, !lsm && compat);
	bpf_program__set_autoload(s->progs.lsm__bprm_check_security, lsm);
	bpf_program__set_autoload(s->progs.fmod_ret__bprm_check, !lsm);
	bpf_program__set_autoload(s->progs.lsm__file_alloc_security, lsm && g->veto);
	bpf_program__set_autoload(s->progs.fmod_ret__file_alloc, !lsm && g->veto);
	bpf_program__set_autoload(s->progs.guard_fentry__vfio_group_fops_unl_ioctl, unfixed || g->veto);
	bpf_program__set_autoload(s->progs.guard_fexit__vfio_group_fops_unl_ioctl, unfixed || g->veto);
	bpf_program__set_autoload(s->progs.guard_fentry__vfio_iommu_type1_ioctl, g->promise == PROMISE_HONEST);
	bpf_program__set_autoload(s->progs.guard_fexit__vfio_iommu_type1_detach_group, g->promise == PROMISE_HONEST);
	bpf_program__set_autoload(s->progs.guard_fentry__vfio_fops_unl_ioctl, unfixed);
	bpf_program__set_autoload(s->progs.guard_fexit__vfio_fops_unl_ioctl, unfixed);
	bpf_program__set_autoload(s->progs.guard_fexit__vfio_iommu_type1_ioctl, true);
	bpf_program__set_autoload(s->progs.guard_fexit__vfio_iommu_type1_attach_group, true);
	bpf_program__set_autoload(s->progs.guard_fentry__vfio_iommu_type1_release, true);
	choose_protect(g);
}

/* Until no program runs that began before: it may go by the policy that is to be written over. */
static void wait_for_programs(void)
{
	const struct timespec long_enough = { .tv_nsec = 200 * NSEC_PER_MSEC };

	/* for this one the kernel waits for a grace period of RCU, which every program is in; nohz_full has it not */
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		nanosleep(&long_enough, NULL);
}

static void set_rules(struct guard_policy *next, const struct policy *policy, bool monitor)
{
	next->scoped &= ~0U << GUARD_RULES_ROOM;
	for (int i = 0; i < RULE__max; i++) {
		const struct policy_rule *r = &policy->rules[i];

		next->rules[i] = (struct guard_rule){ .action = action_taken(r, monitor), .error = r->error };
		next->scope[i] = r->scope;
		if (r->scope.keys && r->action != ACTION_OFF)
			next->scoped |= 1U << i;
	}
}

static struct guard_policy *policy_that_holds(struct guard *g)
{
	return &g->skel->bss->policies[g->skel->bss->policy_slot & 1];
}

/* A copy to write to, where nobody looks. */
static struct guard_policy *next_policy(struct guard *g)
{
	const struct guard_policy *now = policy_that_holds(g);
	struct guard_policy *next = &g->skel->bss->policies[!(g->skel->bss->policy_slot & 1)];

	wait_for_programs();
	*next = *now;
	return next;
}

/* It holds from one store on. */
static void hold(struct guard *g, struct guard_policy *next)
{
	const struct guard_policy *now = policy_that_holds(g);
	__u32 rules = (1U << GUARD_RULES_ROOM) - 1;
	bool same = !memcmp(next->scope, now->scope, GUARD_RULES_ROOM * sizeof(next->scope[0]));

	if (!now->scopes || (next->scoped & rules) != (now->scoped & rules) || !same)
		next->scopes = now->scopes + 1 ?: 1;
	next->generation = now->generation + 1 ?: 1;
	__atomic_store_n(&g->skel->bss->policy_slot, next - g->skel->bss->policies, __ATOMIC_RELEASE);
	g->holds = *next;
}

void guard_set_exemptions(struct guard *g, const struct guard_exemption e[GUARD_EXEMPTIONS])
{
	struct guard_policy *next = next_policy(g);

	next->scoped &= (1U << GUARD_RULES_ROOM) - 1;
	memset(next->exempt_from, 0, sizeof(next->exempt_from));
	for (int i = 0; i < GUARD_EXEMPTIONS; i++) {
		next->exempt_until[i] = e[i].until;
		next->scope[GUARD_RULES_ROOM + i] = e[i].who;
		if (!e[i].until)
			continue;
		next->exempt_from[e[i].rule] |= 1U << i;
		next->scoped |= 1U << (GUARD_RULES_ROOM + i);
	}
	hold(g, next);
}

void guard_set_policy(struct guard *g, const struct policy *policy, bool monitor)
{
	bool watched = policy_that_holds(g)->rules[RULE_MAX_WINDOW].action;
	struct guard_policy *next = next_policy(g);

	/* what the kernel does under its own lock needs none of this */
	next->unfixed.two_sided = g->promise != PROMISE_AUDIT;
	next->unfixed.sticky = g->promise != PROMISE_AUDIT && policy->sticky;
	next->unfixed.contain = g->promise == PROMISE_HONEST ? policy->contain : CONTAIN_NONE;
	set_rules(next, policy, monitor);
	hold(g, next);
	g->max_window_ns = policy->max_window_ns;
	if (!watched && policy->rules[RULE_MAX_WINDOW].action)
		windows_find(g->skel);
}

/* Maps of the observing objects, which the guard has no use for. */
static void leave_out_maps(struct guard_bpf *s)
{
	bpf_map__set_autocreate(s->maps.wanted_containers, false);
	bpf_map__set_autocreate(s->maps.tgids, false);
	bpf_map__set_autocreate(s->maps.vfio_users, false);
	bpf_map__set_autocreate(s->maps.stack_scratch, false);
	bpf_map__set_max_entries(s->maps.events, GUARD_RING_BYTES);
}

/* Not in the kernel yet. 0 or -errno. */
static int open_programs(struct guard *g)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = types_file(g->types));

	g->skel = guard_bpf__open_opts(&opts);
	if (!g->skel)
		return -errno;
	leave_out_maps(g->skel);
	choose(g);
	return 0;
}

enum known guard_fits(bool lsm, char *ret, size_t size)
{
	struct guard g = {
		.mechanism = lsm ? MECHANISM_LSM : MECHANISM_FMOD_RET,
		.promise = PROMISE_HONEST,
		.veto = true,
		.protect = lsm,
		.types = types_open(),
	};
	int err = g.types ? open_programs(&g) : -errno;

	err = err ?: types_adapt(g.types, g.skel->skeleton);
	snprintf(ret, size, "%s", err ? strerror(-err) : types_misfit(g.types));
	guard_bpf__destroy(g.skel);
	types_close(g.types);
	return err ? NOT_KNOWN : *ret ? KNOWN_NO : KNOWN_YES;
}

static int load(struct guard *g)
{
	struct fdpin_config *cfg;
	int err = open_programs(g);

	if (err)
		return fail(err, "out of memory");
	cfg = (struct fdpin_config *)&g->skel->rodata->cfg;
	source_bpf_key(cfg->key);
	g->skel->rodata->nonce = g->nonce;
	err = types_adapt(g->types, g->skel->skeleton);
	if (!err && *types_misfit(g->types))
		return fail(-EOPNOTSUPP, "its programs are not for this kernel: %s", types_misfit(g->types));
	err = err ?: guard_bpf__load(g->skel);
	if (err)
		return fail(err, "its programs cannot be loaded as %s: %s", mechanism_name(g->mechanism),
			    probe_too_old() ? TOO_OLD : strerror(-err));
	source_bpf_tell_programs(g->skel->obj);
	err = source_bpf_run(g->skel->progs.guard_resolve, NULL, 0);
	g->no_secret = err == 1;
	return err < 0 ? fail(err, "kernel symbols cannot be looked up: %s", strerror(-err)) : 0;
}

/* A decision that compares with an address that is not there would match nothing, and nobody would notice. */
static int check_symbols(const struct guard *g)
{
#define X(name, use)                                                                                          \
	if (!g->skel->bss->symbols[GUARD_SYM_##name])                                                        \
		return fail(-EOPNOTSUPP, "kernel symbol " #name " cannot be seen (%s): kernel.kptr_restrict=2, " \
					 "CAP_SYSLOG is missing, or /proc/kallsyms is hidden", use);
	GUARD_SYMBOLS(X)
#undef X
	return 0;
}

/* Does it begin something that another program ends, or may it refuse? Those come last. */
static bool is_begin(const char *name)
{
	return !strstr(name, "fexit__") && !strstr(name, "_release");
}

static int attach_some(struct guard *g, bool begins)
{
	struct bpf_object_skeleton *skel = g->skel->skeleton;

	for (int i = 0; i < skel->prog_cnt; i++) {
		struct bpf_prog_skeleton *p = (void *)((char *)skel->progs + i * skel->prog_skel_sz);
		enum bpf_prog_type type = bpf_program__type(*p->prog);

		if (!bpf_program__autoload(*p->prog) || type == BPF_PROG_TYPE_SYSCALL || is_begin(p->name) != begins)
			continue;
		if (bpf_program__expected_attach_type(*p->prog) == BPF_TRACE_ITER)
			continue;
		*p->link = types_attach(*p->prog);
		if (!*p->link)
			return fail(-errno, "%s cannot be attached: %s", p->name, strerror(errno));
	}
	return 0;
}

static int attach(struct guard *g)
{
	int err = attach_some(g, false) ?: attach_some(g, true);

	if (!err && guard_links(g, NULL, 0) > GUARD_LINKS_MAX)
		return fail(-E2BIG, "it has more than %d links, and what keeps them has no room", GUARD_LINKS_MAX);
	return err;
}

/* ---- proof ----------------------------------------------------------------------------------- */

static int prove_ioctl(struct guard *g)
{
	const char *name = mechanism_name(g->mechanism);
	int r = canary_native(g->nonce);

	if (r <= 0)
		return fail(-EOPNOTSUPP, "%s programs on file_ioctl attach, but %s", name,
			    r ? strerror(-r) : "are never called");
	r = canary_compat(g->nonce);
	if (r == -ENOSYS) {
		g->compat = "this kernel takes none";
		return 0;
	}
	if (r == -EOPNOTSUPP)
		return fail(r, "that a 32-bit call is refused can only be tried on x86-64");
	if (r <= 0)
		return fail(-EOPNOTSUPP, "a 32-bit call goes past the %s programs: %s", name,
			    r ? strerror(-r) : "it was not refused");
	g->compat = "refused";
	g->has_compat = true;
	return 0;
}

static int prove_veto(struct guard *g)
{
	int r = source_bpf_run(g->skel->progs.guard_arm, NULL, 0);

	if (r)
		return fail(r < 0 ? r : -ENOSPC, "the test of the veto cannot be made");
	r = canary_file();
	source_bpf_run(g->skel->progs.guard_disarm, NULL, 0);
	return r > 0 ? 0 : fail(-EOPNOTSUPP, "%s programs on the making of a file attach, but are never called",
				mechanism_name(g->mechanism));
}

/* ---- the rule protect ----------------------------------------------------------------------- */

static int add_object(struct guard *g, enum guard_object_kind kind, __u32 id)
{
	struct guard_object object = { .kind = kind, .id = id };
	__u32 value = 1;
	int r = bpf_map_update_elem(bpf_map__fd(g->skel->maps.own_objects), &object, &value, BPF_ANY);

	return r ? fail(r, "what it is made of cannot be written down: %s", strerror(-r)) : 0;
}

/* The id of what a descriptor is of comes at another place for each kind. */
static int add_fd(struct guard *g, enum guard_object_kind kind, int fd, __u32 *ret_id)
{
	struct bpf_map_info map = {};
	struct bpf_prog_info prog = {};
	struct bpf_link_info link = {};
	void *const infos[] = { [GUARD_MAP] = &map, [GUARD_PROGRAM] = &prog, [GUARD_LINK] = &link };
	__u32 len = kind == GUARD_MAP ? sizeof(map) : kind == GUARD_PROGRAM ? sizeof(prog) : sizeof(link);
	int r = bpf_obj_get_info_by_fd(fd, infos[kind], &len);

	if (r)
		return fail(r, "what it is made of cannot be told: %s", strerror(-r));
	*ret_id = kind == GUARD_MAP ? map.id : kind == GUARD_PROGRAM ? prog.id : link.id;
	return add_object(g, kind, *ret_id);
}

/* All that it is made of, and one of each kind to try. */
static int add_objects(struct guard *g, __u32 some[3])
{
	struct guard_link links[GUARD_LINKS_MAX];
	int n = guard_links(g, links, GUARD_LINKS_MAX), r = 0;
	struct bpf_program *prog;
	struct bpf_map *map;

	bpf_object__for_each_map(map, g->skel->obj)
		if (!r && bpf_map__fd(map) >= 0)
			r = add_fd(g, GUARD_MAP, bpf_map__fd(map), &some[GUARD_MAP]);
	bpf_object__for_each_program(prog, g->skel->obj)
		if (!r && bpf_program__fd(prog) >= 0)
			r = add_fd(g, GUARD_PROGRAM, bpf_program__fd(prog), &some[GUARD_PROGRAM]);
	for (int i = 0; !r && i < n; i++)
		r = add_fd(g, GUARD_LINK, links[i].fd, &some[GUARD_LINK]);
	/* from here on it is for its programs to read */
	if (!r && bpf_map_freeze(bpf_map__fd(g->skel->maps.own_objects)))
		r = fail(-errno, "what it is made of cannot be made final: %s", strerror(errno));
	return r;
}

static int prove_protect(const __u32 some[3])
{
	const int got[] = {
		[GUARD_MAP] = bpf_map_get_fd_by_id(some[GUARD_MAP]),
		[GUARD_PROGRAM] = bpf_prog_get_fd_by_id(some[GUARD_PROGRAM]),
		[GUARD_LINK] = bpf_link_get_fd_by_id(some[GUARD_LINK]),
	};
	static const char *const words[] = { "map", "program", "link" };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(got); i++) {
		if (got[i] >= 0)
			close(got[i]);
		if (!r && got[i] != -GUARD_CANARY_ERRNO)
			r = fail(-EOPNOTSUPP, "LSM programs about its own objects attach, but a %s can be had: %s", words[i],
				 got[i] < 0 ? strerror(-got[i]) : "they are never called");
	}
	return r;
}

/* From here on it is its own, as far as the policy says so. */
static int own(struct guard *g)
{
	__u32 some[3] = {};
	int r = source_bpf_run(g->skel->progs.guard_own, NULL, 0);

	if (r)
		return fail(r, "whose it is cannot be said: %s", strerror(-r));
	r = add_objects(g, some);
	if (!r)
		r = prove_protect(some);
	g->skel->bss->proving = 0;
	return r;
}

int guard_own_folder(struct guard *g, int fd)
{
	__u64 arg = fd;
	int r;

	if (!g->protect)
		return 0;
	r = source_bpf_run(g->skel->progs.guard_own_folder, &arg, sizeof(arg));
	g->owner = g->skel->bss->owner;
	return r;
}

bool guard_can(const struct guard *g, const struct policy *policy)
{
	return g->protect || policy->rules[RULE_PROTECT].action == ACTION_OFF;
}

/* ---- what somebody else has written ------------------------------------------------------------ */

static void note_written(struct guard *g)
{
	memcpy(g->symbols, g->skel->bss->symbols, sizeof(g->symbols));
	memcpy(g->key, g->skel->bss->key, sizeof(g->key));
	g->owner = g->skel->bss->owner;
}

/* True if it was not as it was left; now it is. */
static bool put_back(void *there, const void *left, size_t size)
{
	if (!memcmp(there, left, size))
		return false;
	memcpy(there, left, size);
	return true;
}

const char *guard_mend(struct guard *g)
{
	struct guard_policy *now = policy_that_holds(g);
	bool kernel, rules;

	/* Not waited for, as trace does: other names for two seconds are better than no guard. */
	if (g->no_secret && !source_bpf_run(g->skel->progs.guard_rekey, NULL, 0)) {
		g->no_secret = false;
		memcpy(g->key, g->skel->bss->key, sizeof(g->key));
	}
	kernel = put_back(g->skel->bss->symbols, g->symbols, sizeof(g->symbols));
	kernel |= put_back(g->skel->bss->key, g->key, sizeof(g->key));
	kernel |= put_back(&g->skel->bss->owner, &g->owner, sizeof(g->owner));
	rules = put_back(now, &g->holds, sizeof(g->holds));
	return rules ? "rules" : kernel ? "kernel" : NULL;
}

static void unload(struct guard *g)
{
	guard_bpf__destroy(g->skel);
	g->skel = NULL;
}

/* One mechanism, with the veto or without: loaded, attached, and seen to refuse. */
static int try_mechanism(struct guard *g, enum mechanism mechanism, bool veto)
{
	int err;

	g->mechanism = mechanism;
	g->veto = veto;
	err = load(g);
	if (!err)
		err = check_symbols(g);
	if (!err)
		err = attach(g);
	if (!err)
		err = prove_ioctl(g);
	if (!err && veto)
		err = prove_veto(g);
	if (!err && g->protect)
		err = own(g);
	if (err)
		unload(g);
	log_debug("guard as %s%s: %s", mechanism_name(mechanism), veto ? " with veto" : "", err ? why_text : "proven");
	return err;
}

/*
 * LSM, then fmod_ret; each with the veto, where the kernel does not refuse by
 * itself, or by the rule strict, of which it knows nothing. The veto alone may be
 * missing: that is a loss with a name.
 */
static int admit(struct guard *g)
{
	static const enum mechanism order[] = { MECHANISM_LSM, MECHANISM_FMOD_RET };
	bool want_veto = g->promise != PROMISE_AUDIT || g->strict;
	size_t n = g->protect ? 1 : ARRAY_SIZE(order);
	char first[sizeof(why_text)] = "";
	int err = -EOPNOTSUPP;

	for (size_t i = 0; i < n; i++) {
		err = try_mechanism(g, order[i], want_veto);
		if (!err || err == -EPERM || err == -ENOMEM)
			return err;
		if (!i)
			snprintf(first, sizeof(first), "%s", why_text);
	}
	for (size_t i = 0; want_veto && i < n; i++) {
		snprintf(g->no_veto, sizeof(g->no_veto), "%.150s", why_text);
		err = try_mechanism(g, order[i], false);
		if (!err)
			return 0;
	}
	if (g->protect)
		return fail(err, "%.250s; and the rule protect is for the BPF LSM alone (bpf in lsm= of the kernel's command line)", first);
	if (!strcmp(first, why_text))
		return err;
	return fail(err, "%.250s; %.250s", first, strdupa(why_text));
}

/* ---- what the rest of the tool sees --------------------------------------------------------- */

static int on_sample(void *ctx, const void *data, size_t size)
{
	struct guard *g = ctx;
	struct record r;

	if (record_decode(data, size, &r) < 0) {
		g->undecoded++;
		return 0;
	}
	if (r.h->type == EV_decision && ((const struct ev_decision *)r.h)->action == ACTION_OFF)
		g->heard++;
	else
		g->stop = g->fn(g->ctx, &r);
	return g->stop ? -ECANCELED : 0;
}

/* 0, or what stopped it. All that was there, and not what comes meanwhile: of that there may be no end. */
static int consume(struct guard *g)
{
	int n = ring_consume(&g->ring, GUARD_RING_BYTES / sizeof(struct fdpin_hdr), on_sample, g);

	return g->stop ? g->stop : n < 0 ? n : 0;
}

/* What did not fit is known by its number alone. Not with each look: in a storm there is always some. */
static int tell_lost(struct guard *g, __u64 every_ns)
{
	__u64 lost = guard_lost(g), now = now_ns();
	struct ev_lost e = EV_INIT(lost);

	if (lost == g->lost_told || now < g->lost_told_ns + every_ns)
		return 0;
	e.count = lost - g->lost_told;
	g->lost_told = lost;
	g->lost_told_ns = now;
	return emit(g->fn, g->ctx, &e.h);
}

static int check_system(struct guard *g)
{
	const char *rights = probe_missing_rights();

	if (*rights)
		return fail(-EPERM, "no permission; missing:%s", rights);
	/* whom it has to kill the kernel tells by the number that he has there; here it is somebody else's */
	if (!probe_host_pid_namespace())
		return fail(-EOPNOTSUPP, "this is a PID namespace of its own, in which processes have other numbers: it has to run in that of the host");
	g->types = types_open();
	if (!g->types)
		return fail(-EOPNOTSUPP, "this kernel has no BTF (/sys/kernel/btf/vmlinux)");
	if (!probe_module("vfio") || !probe_struct(g->types, "vfio_iommu_type1", "vfio_iommu"))
		return fail(-ENODEV, "vfio_iommu_type1 is not in this kernel, not loaded, or has no type information: there is nothing to guard");
	return 0;
}

int guard_open(struct guard **ret, const struct policy *policy, bool monitor, source_fn fn, void *ctx,
	       const char **ret_why)
{
	struct guard *g = calloc(1, sizeof(*g));
	int err;

	why_text[0] = '\0';
	*ret_why = why_text;
	if (!g)
		return fail(-ENOMEM, "out of memory");
	g->fn = fn;
	g->ctx = ctx;
	g->protect = policy->rules[RULE_PROTECT].action != ACTION_OFF;
	g->strict = policy->rules[RULE_STRICT].action != ACTION_OFF;
	if (getrandom(&g->nonce, sizeof(g->nonce), 0) != sizeof(g->nonce))
		g->nonce = now_ns();
	err = check_system(g);
	if (!err) {
		ask_kernel(g);
		err = admit(g);
	}
	types_close(g->types);
	g->types = NULL;
	if (!err) {
		note_written(g);
		guard_set_policy(g, policy, monitor);
		err = ring_open(&g->ring, bpf_map__fd(g->skel->maps.events), bpf_map__max_entries(g->skel->maps.events));
		err = err ? fail(err, "cannot map the buffer for records: %s", strerror(-err)) : emit_session(fn, ctx, "enforce", true);
	}
	if (err) {
		guard_close(g);
		return err;
	}
	*ret = g;
	return 0;
}

void guard_close(struct guard *g)
{
	if (!g)
		return;
	ring_close(&g->ring);
	guard_bpf__destroy(g->skel);
	free(g);
}

enum mechanism guard_mechanism(const struct guard *g)
{
	return g->mechanism;
}

enum promise guard_promise(const struct guard *g)
{
	return g->promise;
}

const char *guard_promise_why(const struct guard *g)
{
	return g->promise_why;
}

const char *guard_no_veto(const struct guard *g)
{
	if (g->veto || (g->promise == PROMISE_AUDIT && !g->holds.rules[RULE_STRICT].action))
		return NULL;
	return *g->no_veto ? g->no_veto : "the rule strict was off when this guard started";
}

const char *guard_compat(const struct guard *g)
{
	return g->compat;
}

int guard_fd(const struct guard *g)
{
	return g->ring.fd;
}

/*
 * A call that was reserved and never got to the driver, because another LSM refused
 * it, has nobody to take the reservation back. Neither has one that was in the driver
 * when somebody, whoever it was, attached a program to the same function or took one
 * away: the kernel leaves out then what is at the end of calls that are under way.
 */
static bool is_over(struct guard *g, __u64 id)
{
	int r;

	g->skel->bss->asked_caller = id;
	g->skel->bss->caller_inside = 0;
	r = run_task_iterator(g->skel->progs.guard_find_caller, id >> 32);
	return (!r || r == -ESRCH) && !g->skel->bss->caller_inside;
}

#define OLD_NS (NSEC_PER_SEC / 2)
#define ASKED_AT_ONCE 32 /* each costs a look at all threads of a process */

/* Each of a table: what is no more, and old enough not to be only about to begin, is taken back. */
static void reclaim_of(struct guard *g, struct bpf_map *map, bool opening, __u64 *asked)
{
	__u32 left = bpf_map__max_entries(map), asks = ASKED_AT_ONCE;
	struct guard_reclaim_args args = { .opening = opening };
	int fd = bpf_map__fd(map);
	struct guard_held held;
	struct guard_join join;
	__u64 next, now = now_ns();
	bool more, entered;

	/* where the last time ended; from the first one on, if that is gone */
	more = !bpf_map_get_next_key(fd, *asked ? asked : NULL, &next) || !bpf_map_get_next_key(fd, NULL, &next);
	/* what comes after one that is gone is the first again: it is asked before, and others that go do not keep us here */
	while (more && left-- && asks) {
		args.id = next;
		more = !bpf_map_get_next_key(fd, &args.id, &next);
		if (bpf_map_lookup_elem(fd, &args.id, opening ? (void *)&join : &held))
			continue;
		args.since = opening ? join.since : held.since;
		entered = opening || held.entered;
		if (args.since + OLD_NS > now)
			continue;
		asks -= entered;
		*asked = args.id;
		if (!entered || is_over(g, args.id))
			source_bpf_run(g->skel->progs.guard_reclaim, &args, sizeof(args));
	}
}

static void reclaim(struct guard *g)
{
	if ((!g->skel->bss->holding && !g->skel->bss->joining) || now_ns() < g->reclaimed + OLD_NS)
		return;
	g->reclaimed = now_ns();
	reclaim_of(g, g->skel->maps.held, false, &g->asked[0]);
	reclaim_of(g, g->skel->maps.joins, true, &g->asked[1]);
}

void guard_look(struct guard *g)
{
	sweep_all(&g->sweep, g->skel);
}

int guard_poll(struct guard *g)
{
	int r = consume(g) ?: tell_lost(g, NSEC_PER_SEC / 2);

	reclaim(g);
	/* a kernel that keeps the two apart by itself has nothing to be found in it */
	if (g->promise != PROMISE_AUDIT)
		sweep_look(&g->sweep, g->skel);
	if (now_ns() >= g->looked + NSEC_PER_SEC / 4) {
		windows_sweep(g->skel, g->max_window_ns);
		g->looked = now_ns();
	}
	return r;
}

int guard_poll_last(struct guard *g)
{
	return guard_poll(g) ?: tell_lost(g, 0);
}

void guard_detach(struct guard *g)
{
	guard_bpf__detach(g->skel);
}

bool guard_alive(struct guard *g)
{
	__u64 before = g->heard;
	int wanted = 1, r = canary_native(g->nonce);

	if (r > 0 && g->has_compat) {
		r = canary_compat(g->nonce);
		wanted++;
	}
	return r > 0 && !consume(g) && g->heard >= before + wanted;
}

bool guard_in_reach(const struct guard *g)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	return !bpf_obj_get_info_by_fd(bpf_program__fd(g->skel->progs.guard_tell_window), &info, &len);
}

int guard_links(const struct guard *g, struct guard_link *links, int n)
{
	struct bpf_object_skeleton *skel = g->skel->skeleton;
	int found = 0;

	for (int begins = 0; begins <= 1; begins++) {
		for (int i = 0; i < skel->prog_cnt; i++) {
			struct bpf_prog_skeleton *p = (void *)((char *)skel->progs + i * skel->prog_skel_sz);

			if (!*p->link || is_begin(p->name) != begins)
				continue;
			if (found < n)
				links[found] = (struct guard_link){ .name = p->name, .fd = bpf_link__fd(*p->link) };
			found++;
		}
	}
	return found;
}

int guard_links_shared(const struct guard *g)
{
	struct guard_link links[GUARD_LINKS_MAX];
	int n = guard_links(g, links, GUARD_LINKS_MAX);

	for (int i = 0; i < n; i++) {
		struct guard_refs_args args = { .fd = links[i].fd };
		int r = source_bpf_run(g->skel->progs.guard_count_refs, &args, sizeof(args));

		if (r)
			return r < 0 ? r : -EINVAL;
		if (args.refs < 1)
			return -EOPNOTSUPP;
		if (args.refs < 2)
			return 0;
	}
	return n > 0;
}

struct guard_counters guard_counters(const struct guard *g)
{
	return g->skel->bss->counters;
}

void guard_places(const struct guard *g, struct full_look *ret)
{
	const struct guard_bpf *s = g->skel;

	memcpy(ret->count, s->bss->counters.full, sizeof(ret->count));
	ret->taken[TABLE_OPENINGS] = s->bss->joining;
	ret->taken[TABLE_RESERVATIONS] = s->bss->holding;
	ret->taken[TABLE_WINDOWS] = s->bss->n_windows;
	ret->taken[TABLE_QUARANTINES] = s->bss->n_quarantined;
	/* of this one a place that is free again is of no use */
	ret->taken[TABLE_INVALID] = ret->count[TABLE_INVALID].unnoted && s->bss->policies[s->bss->policy_slot & 1].unfixed.sticky ? GUARD_CONTAINERS_MAX : 0;
	ret->taken[TABLE_CALLERS] = 0;
}

__u64 guard_lost(const struct guard *g)
{
	return g->skel->bss->stats.lost + g->undecoded;
}

__u64 guard_missed(const struct guard *g)
{
	struct bpf_program *prog;
	__u64 missed = 0;

	bpf_object__for_each_program(prog, g->skel->obj) {
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);

		if (bpf_program__fd(prog) >= 0 && !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			missed += info.recursion_misses;
	}
	return missed;
}
