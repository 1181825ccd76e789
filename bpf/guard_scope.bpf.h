/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard_scope.bpf.h - part of guard.bpf.c: is a rule for whoever calls?
 *
 * It is judged once for a call, at its early hook, for all rules that have a
 * scope, and noted for the thread: what is decided later about the same call
 * goes by that. So a process that is moved to another control group while its call is
 * under way is not denied what was let through, or the reverse. It rests on the
 * kernel's state of that moment; nothing of it is known from before. What
 * cannot be read, or is not noted, counts as inside. An exemption from a rule is
 * judged in the same way, and the other way round: what cannot be read has none.
 */

/* ---- whom a rule is for ----------------------------------------------------------------------- */

/* Whom the rules are for, by thread. */
struct scope_note {
	__u32 generation; /* of the policy it was judged by; 0: of none */
	__u32 outside;	  /* rules, and exemptions, that are not for this thread: a bit each */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GUARD_JOINS_MAX);
	__type(key, __u64); /* as bpf_get_current_pid_tgid() */
	__type(value, struct scope_note);
} scope_notes SEC(".maps");

enum scope_answer { SCOPE_OPEN, SCOPE_INSIDE, SCOPE_OUTSIDE, SCOPE_UNKNOWN };

/* Not on the stack, and a thread's own: see memory_walks. All addresses are numbers. */
struct scope_walk {
	__u64 names; /* address of the struct scope_names that is compared with */
	__u64 at, mount; /* where the walk is: a cgroup, or a dentry and its struct mount */
	__u32 left;  /* parts of a path that are still to be met */
	__u32 level; /* of that cgroup */
	__u32 answer;
	__u32 outside; /* rules */
	/* one name against one part */
	__u32 p, n, star, mark;
	__u32 fits;
	__u32 slot; /* of policies */
	char part[SCOPE_TEXT], name[SCOPE_TEXT];
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct scope_walk);
} scope_walks SEC(".maps");

static long glob_step(__u32 i, struct scope_walk **ctx)
{
	struct scope_walk *w = *ctx;
	char p = w->part[w->p & (SCOPE_TEXT - 1)], c = w->name[w->n & (SCOPE_TEXT - 1)];

	if (p == '*') {
		w->star = ++w->p;
		w->mark = w->n;
		return 0;
	}
	if (p == c || (p == '?' && c)) {
		if (!p) {
			w->fits = SCOPE_INSIDE;
			return 1;
		}
		w->p++;
		w->n++;
		return 0;
	}
	if (!w->star || !c) { /* no * that could take more, or nothing more to take */
		w->fits = SCOPE_OUTSIDE;
		return 1;
	}
	w->p = w->star;
	w->n = ++w->mark;
	return 0;
}

/* Does a name of the kernel's fit the part with this number? In w->fits. */
static __always_inline void fit(struct scope_walk **ctx, __u32 part, const void *name)
{
	struct scope_walk *w = *ctx;
	__u64 names = w->names;
	__u8 at = 0;

	w->p = w->n = w->star = w->mark = 0;
	w->fits = SCOPE_UNKNOWN;
	bpf_probe_read_kernel(&at, sizeof(at), (void *)(names + __builtin_offsetof(struct scope_names, at) + part));
	if (bpf_probe_read_kernel_str(w->part, sizeof(w->part), (void *)(names + __builtin_offsetof(struct scope_names, text) + at)) <= 0 ||
	    bpf_probe_read_kernel_str(w->name, sizeof(w->name), name) <= 0)
		return;
	w->fits = SCOPE_OPEN;
	bpf_loop(SCOPE_STEPS, glob_step, ctx, 0);
	if (w->fits == SCOPE_OPEN)
		w->fits = SCOPE_UNKNOWN;
}

/* Its control group or one above it has this name. */
static long cgroup_up(__u32 i, struct scope_walk **ctx)
{
	struct scope_walk *w = *ctx;
	struct cgroup *cgroup = (void *)w->at;

	fit(ctx, 0, BPF_CORE_READ(cgroup, kn, name));
	if (w->fits == SCOPE_OUTSIDE) {
		w->at = (__u64)BPF_CORE_READ(cgroup, self.parent);
		if (w->at) {
			w->at -= bpf_core_field_offset(struct cgroup, self);
			return 0;
		}
	}
	w->answer = w->fits;
	return 1;
}

/* All of these parts are there, from the root on. */
static long cgroup_path_up(__u32 i, struct scope_walk **ctx)
{
	struct scope_walk *w = *ctx;
	struct cgroup *cgroup = (void *)w->at;

	if (!w->level) {
		w->answer = w->left ? SCOPE_OUTSIDE : SCOPE_INSIDE;
		return 1;
	}
	if (w->level <= w->left) {
		fit(ctx, w->left - 1, BPF_CORE_READ(cgroup, kn, name));
		if (w->fits != SCOPE_INSIDE) {
			w->answer = w->fits;
			return 1;
		}
		w->left--;
	}
	w->level--;
	w->at = (__u64)BPF_CORE_READ(cgroup, self.parent);
	if (!w->at) { /* what has no parent is the root, and that has level 0 */
		w->answer = SCOPE_UNKNOWN;
		return 1;
	}
	w->at -= bpf_core_field_offset(struct cgroup, self);
	return 0;
}

/* The unified hierarchy: of all others a process may be anywhere. */
static __always_inline void judge_cgroup(struct scope_walk **ctx, const struct scope_names *names)
{
	struct scope_walk *w = *ctx;
	struct task_struct *task = bpf_get_current_task_btf();
	struct cgroup *cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp);

	w->answer = SCOPE_UNKNOWN;
	if (!cgroup)
		return;
	w->names = (__u64)argument_address(names);
	w->at = (__u64)cgroup;
	w->level = BPF_CORE_READ(cgroup, level);
	w->left = names->n;
	if (!names->path)
		bpf_loop(SCOPE_LEVELS, cgroup_up, ctx, 0);
	else if (w->level < w->left)
		w->answer = SCOPE_OUTSIDE;
	else
		bpf_loop(SCOPE_LEVELS, cgroup_path_up, ctx, 0);
}

/* As status has paths: up to the root of the mounts that the file was opened in. */
static long exe_up(__u32 i, struct scope_walk **ctx)
{
	struct scope_walk *w = *ctx;
	struct dentry *dentry = (void *)w->at, *parent;
	struct mount *mount = (void *)w->mount, *above;

	if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
		above = BPF_CORE_READ(mount, mnt_parent);
		if (!above || above == mount) {
			w->answer = w->left ? SCOPE_OUTSIDE : SCOPE_INSIDE;
			return 1;
		}
		w->at = (__u64)BPF_CORE_READ(mount, mnt_mountpoint);
		w->mount = (__u64)above;
		return 0;
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	/* a longer path, or one in no tree: a memfd */
	if (!w->left || parent == dentry) {
		w->answer = SCOPE_OUTSIDE;
		return 1;
	}
	fit(ctx, w->left - 1, BPF_CORE_READ(dentry, d_name.name));
	if (w->fits != SCOPE_INSIDE) {
		w->answer = w->fits;
		return 1;
	}
	w->left--;
	w->at = (__u64)parent;
	return 0;
}

static __always_inline void judge_exe(struct scope_walk **ctx, const struct scope_names *names)
{
	struct scope_walk *w = *ctx;
	struct task_struct *task = bpf_get_current_task_btf();
	struct file *file = BPF_CORE_READ(task, mm, exe_file);

	w->answer = SCOPE_UNKNOWN;
	if (!file)
		return;
	w->names = (__u64)argument_address(names);
	w->at = (__u64)BPF_CORE_READ(file, f_path.dentry);
	w->mount = (__u64)BPF_CORE_READ(file, f_path.mnt) - bpf_core_field_offset(struct mount, mnt);
	w->left = names->n;
	bpf_loop(SCOPE_LEVELS, exe_up, ctx, 0);
}

/* Any of the three that it can act as, or become again. */
static __always_inline bool uid_fits(const struct guard_scope *s)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 uid = BPF_CORE_READ(task, cred, uid.val), euid = BPF_CORE_READ(task, cred, euid.val);
	__u32 suid = BPF_CORE_READ(task, cred, suid.val);

	for (int i = 0; i < SCOPE_UIDS; i++) {
		__u32 first = s->uids[i].first, last = s->uids[i].last;

		if (i >= s->n_uids)
			break;
		if ((uid >= first && uid <= last) || (euid >= first && euid <= last) || (suid >= first && suid <= last))
			return true;
	}
	return false;
}

#define NSEC_PER_TICK 10000000 /* of what /proc counts in */

static __always_inline bool is_process(const struct guard_scope *s)
{
	struct task_struct *leader = bpf_get_current_task_btf()->group_leader;

	return bpf_get_current_pid_tgid() >> 32 == s->tgid && leader->start_boottime / NSEC_PER_TICK == s->ticks;
}

/* One rule or exemption: outside if anything that its scope says is not met. */
static long scope_step(__u32 i, struct scope_walk **ctx)
{
	struct scope_walk *w = *ctx;
	const struct guard_policy *p = &policies[WITHIN(w->slot, 2)];
	const struct guard_scope *s = &p->scope[WITHIN(i, GUARD_SCOPES)];
	bool unknown = false;

	if (!(p->scoped >> WITHIN(i, GUARD_SCOPES) & 1))
		return 0;
	if (s->keys & SCOPE_PROCESS && !is_process(s))
		goto outside;
	if (s->keys & SCOPE_UID && !uid_fits(s))
		goto outside;
	if (s->keys & SCOPE_CGROUP) {
		judge_cgroup(ctx, &s->cgroup);
		if (w->answer == SCOPE_OUTSIDE)
			goto outside;
		unknown |= w->answer != SCOPE_INSIDE;
	}
	if (s->keys & SCOPE_EXE) {
		judge_exe(ctx, &s->exe);
		if (w->answer == SCOPE_OUTSIDE)
			goto outside;
		unknown |= w->answer != SCOPE_INSIDE;
	}
	if (!unknown)
		return 0;
	__sync_fetch_and_add(&counters.unknown_caller, 1);
	if (i < GUARD_RULES_ROOM)
		return 0;
outside:
	w->outside |= 1U << WITHIN(i, GUARD_SCOPES);
	return 0;
}

/* Judge all rules for this thread, for the call that it is making. */
__noinline int note_scope(void)
{
	__u32 slot = WITHIN(policy_slot, 2);
	const struct guard_policy *p = &policies[slot];
	/* without a place to judge in: every rule is for it, and no exemption */
	struct scope_note fresh = { .generation = p->generation, .outside = ~0U << GUARD_RULES_ROOM }, *note;
	struct scope_walk *w;
	__u64 id;

	if (!p->scoped)
		return 0;
	id = bpf_get_current_pid_tgid();
	w = bpf_task_storage_get(&scope_walks, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (w) {
		w->slot = slot;
		w->outside = 0;
		bpf_loop(GUARD_SCOPES, scope_step, &w, 0);
		fresh.outside = w->outside;
	} else {
		__sync_fetch_and_add(&counters.unknown_caller, 1);
	}
	/* in its place, as to replace it may fail and would leave what was noted for another call */
	note = bpf_map_lookup_elem(&scope_notes, &id);
	if (note)
		*note = fresh;
	else
		bpf_map_update_elem(&scope_notes, &id, &fresh, BPF_ANY);
	return 0;
}

/* A call that nothing is asked about: what was noted is not about it. */
static __always_inline void drop_note(void)
{
	struct scope_note *note;
	__u64 id;

	if (!policy_now()->scoped)
		return;
	id = bpf_get_current_pid_tgid();
	note = bpf_map_lookup_elem(&scope_notes, &id);
	if (note)
		note->generation = 0;
}

/* Is what was noted of this policy? */
static __always_inline bool is_noted(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct scope_note *note = bpf_map_lookup_elem(&scope_notes, &id);

	return note && note->generation == policy_now()->generation;
}

/* As noted. */
static __always_inline enum scope_answer noted(const struct guard_policy *p, __u32 rule)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct scope_note *note;

	if (!(p->scoped >> rule & 1))
		return SCOPE_INSIDE;
	note = bpf_map_lookup_elem(&scope_notes, &id);
	if (!note || note->generation != p->generation)
		return SCOPE_UNKNOWN;
	return note->outside >> rule & 1 ? SCOPE_OUTSIDE : SCOPE_INSIDE;
}

/* Is this rule on, and for this caller? */
static __always_inline bool concerns(__u32 rule)
{
	const struct guard_policy *p = policy_now();

	return p->rules[rule].action != ACTION_OFF && noted(p, rule) != SCOPE_OUTSIDE;
}

/* The same at the end of a call whose beginning may not have been asked about. */
static __always_inline bool outside(__u32 rule)
{
	if (noted(policy_now(), rule) == SCOPE_UNKNOWN)
		note_scope();
	return noted(policy_now(), rule) == SCOPE_OUTSIDE;
}

/*
 * Exemptions that this thread has from a rule at this moment, a bit each. They
 * end by themselves, whether or not there is still anybody who would end them. (No
 * branches: the verifier would follow each.)
 */
static __always_inline __u32 exemptions(const struct guard_policy *p, __u32 rule)
{
	__u64 id = bpf_get_current_pid_tgid(), now;
	struct scope_note *note;
	__u32 mine, valid = unknown_zero;

	if (!p->exempt_from[rule])
		return 0;
	note = bpf_map_lookup_elem(&scope_notes, &id);
	if (!note || note->generation != p->generation)
		return 0;
	mine = p->exempt_from[rule] & p->scoped >> GUARD_RULES_ROOM & ~(note->outside >> GUARD_RULES_ROOM);
	now = bpf_ktime_get_boot_ns();
	for (int k = 0; k < GUARD_EXEMPTIONS; k++)
		valid |= (now - p->exempt_until[k]) >> 63 << k;
	return mine & valid;
}

__noinline int count_exemptions(__u32 bits)
{
	for (int k = 0; k < GUARD_EXEMPTIONS; k++)
		__sync_fetch_and_add(&counters.exempted[k], bits >> k & 1);
	return 0;
}
