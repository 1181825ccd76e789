/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard_exec.bpf.h - part of guard.bpf.c: an exec that keeps a container.
 */

/* ---- exec ------------------------------------------------------------------------------------- */

struct kept_files {
	struct file **file;
	unsigned long *close_on_exec;
	struct about a;
	int r;
};

/* A file that the new program will have: a container with an invalid range? One is enough. */
static long look_at_kept(__u32 i, struct kept_files *k)
{
	struct vfio_container *container;
	struct file *file = NULL;
	unsigned long bits = 0;

	bpf_probe_read_kernel(&file, sizeof(file), &k->file[i]);
	if (!file || (__u64)BPF_CORE_READ(file, f_op) != symbols[GUARD_SYM_vfio_fops])
		return 0;
	bpf_probe_read_kernel(&bits, sizeof(bits), &k->close_on_exec[i / 64]);
	if (bits >> i % 64 & 1)
		return 0;
	container = BPF_CORE_READ(file, private_data);
	if (!read_state(container, &k->a) || !k->a.invalid)
		return 0;
	k->r = decide(RULE_EXEC_PINNED, 0, &k->a);
	return 1;
}

#define KEPT_MAX (1U << 23) /* what bpf_loop() does */

static __always_inline int on_exec(struct linux_binprm *bprm)
{
	struct kept_files k = { .a.op = OP_EXEC };
	struct fdtable *fdt;
	__u32 n;

	/* a script's interpreter is checked in its turn: the same exec */
	if (!policy_now()->rules[RULE_EXEC_PINNED].action || bprm->interp != bprm->filename)
		return 0;
	note_scope();
	fdt = bpf_get_current_task_btf()->files->fdt;
	k.file = BPF_CORE_READ(fdt, fd);
	k.close_on_exec = BPF_CORE_READ(fdt, close_on_exec);
	k.r = unknown_zero;
	n = BPF_CORE_READ(fdt, max_fds);
	/* who has so many files is not let by for that */
	if (n > KEPT_MAX)
		return decide(RULE_EXEC_PINNED, 0, &k.a);
	bpf_loop(n, look_at_kept, &k, 0);
	return k.r;
}

SEC("?lsm/bprm_check_security")
int BPF_PROG(lsm__bprm_check_security, struct linux_binprm *bprm, int ret)
{
	return bounded(ret ?: on_exec(bprm));
}

SEC("?fmod_ret/security_bprm_check")
int BPF_PROG(fmod_ret__bprm_check, struct linux_binprm *bprm, int ret)
{
	return bounded(ret ?: on_exec(bprm));
}
