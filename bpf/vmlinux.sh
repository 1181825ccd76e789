#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# vmlinux.sh BTF > vmlinux.h: the recipe of vmlinux.h.
#
# Prints the types the BPF programs touch, and of each only the members they
# touch, as bpftool dumps them from a kernel's BTF (a vmlinux, or
# /sys/kernel/btf/vmlinux). Offsets do not matter: CO-RE finds the members
# again in the kernel that runs. A wanted type or member that the BTF does not
# have ends the script. A line below: kind, name, members ("*": all).
# Types that live in modules, and members that only some kernels have, are
# not here but in bpf/compat.h.
set -eu
[ $# -eq 1 ] || { sed -n '3,12p' "$0" >&2; exit 64; }
dump=$(mktemp)
trap 'rm -f "$dump"' EXIT
bpftool btf dump file "$1" format c >"$dump"

cat <<'HEAD'
/* SPDX-License-Identifier: GPL-2.0-only */
/* Made by `make vmlinux.h VMLINUX_BTF=FILE`, that is bpf/vmlinux.sh; do not edit. */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#endif

HEAD

awk '
function fail(what) { print "vmlinux.sh: " what " is not in this BTF" > "/dev/stderr"; bad = 1 }
# the name a member line declares: the last identifier before [ ) : or ;
function member(line,   m) {
	sub(/;.*/, "", line); sub(/\[.*/, "", line); sub(/:.*/, "", line)
	if (line ~ /\(\*/) { sub(/.*\(\*/, "", line); sub(/\).*/, "", line); return line }
	sub(/.*[ \t*]/, "", line); return line
}
FNR == NR { if ($1 != "" && $1 !~ /^#/) { n++; kind[n] = $1; name[n] = $2; want[n] = $0; sub(/^[^ ]+ +[^ ]+ */, "", want[n]) } next }
/^typedef .*;$/ { t = member($0); if (t != "") typedefs[t] = $0 }
/^(struct|union|enum) [a-z_0-9A-Z]+ \{$/ { cur = $1 " " $2; body[cur] = ""; next }
/^typedef (struct|union|enum) \{$/ { cur = "anon"; body[cur] = ""; next }
/^\}/ { if (cur == "anon") { t = $2; sub(/;/, "", t); anon[t] = body[cur] } cur = ""; next }
cur != "" { body[cur] = body[cur] $0 "\n" }
/^\t[a-zA-Z_0-9]+ = [0-9]+,$/ { values[$1] = $3 }
END {
	for (i = 1; i <= n; i++) if (kind[i] == "struct") print "struct " name[i] ";"
	print ""
	for (i = 1; i <= n; i++) {
		if (kind[i] == "value") {
			if (name[i] in values) printf "enum { %s = %d };\n\n", name[i], values[name[i]]
			else fail("value " name[i])
			continue
		}
		if (kind[i] == "typedef") {
			if (name[i] in typedefs) print typedefs[name[i]]
			else if (name[i] in anon) printf "typedef struct {\n%s} %s;\n", anon[name[i]], name[i]
			else fail("typedef " name[i])
			print ""
			continue
		}
		k = kind[i] " " name[i]
		if (!(k in body)) { fail(k); continue }
		if (kind[i] == "enum" || want[i] == "*") { printf "%s {\n%s};\n\n", k, body[k]; continue }
		split(want[i], m, " "); delete need; for (j in m) need[m[j]] = 1
		lines = split(body[k], l, "\n"); out = ""
		for (j = 1; j <= lines; j++) {
			if (l[j] !~ /;$/ || l[j] ~ /^\t*\}/) continue
			t = member(l[j])
			if (t in need) { sub(/^\t+/, "\t", l[j]); out = out l[j] "\n"; delete need[t] }
		}
		for (t in need) fail(k " member " t)
		printf "%s {\n%s};\n\n", k, out
	}
	exit bad
}' /dev/fd/3 "$dump" 3<<'TYPES'
value false
value true
typedef __kernel_pid_t
typedef __kernel_uid32_t
typedef uid_t
typedef pid_t
typedef __u8
typedef __s8
typedef __u16
typedef __s16
typedef __u32
typedef __s32
typedef __u64
typedef __s64
typedef u8
typedef u16
typedef u32
typedef s32
typedef u64
typedef s64
typedef __kernel_dev_t
typedef dev_t
typedef __kernel_ulong_t
typedef __kernel_size_t
typedef size_t
typedef bool
typedef __be16
typedef __be32
typedef __wsum
typedef atomic_t
typedef atomic64_t
typedef atomic_long_t
typedef work_func_t
enum bpf_map_type
value BPF_ANY
value BPF_NOEXIST
value BPF_F_NO_PREALLOC
value BPF_F_MMAPABLE
value BPF_LOCAL_STORAGE_GET_F_CREATE
value BPF_RB_NO_WAKEUP
value BPF_RB_FORCE_WAKEUP
value BPF_RB_AVAIL_DATA
struct list_head *
struct rb_node *
struct rb_root *
struct refcount_struct *
typedef refcount_t
struct kref *
struct callback_head *
struct swait_queue *
struct swait_queue_head task_list
struct completion wait
struct wait_queue_head head
typedef wait_queue_head_t
struct wait_queue_entry private entry
struct mutex owner wait_list
struct mutex_waiter list task
struct rw_semaphore count owner wait_list
struct rwsem_waiter list task
struct sched_info last_arrival
struct thread_struct sp
struct pt_regs orig_ax si cx
struct fdtable max_fds fd close_on_exec
struct files_struct fdt
struct task_struct __state flags pid tgid comm files mm signal cgroups cred worker_private stack thread nvcsw nivcsw on_cpu exit_state real_parent group_leader start_boottime nsproxy sched_info
struct nsproxy mnt_ns
struct qstr name
struct super_block s_magic s_dev s_blocksize
struct inode i_ino i_sb i_nlink
struct dentry d_name d_parent d_inode d_sb
struct vfsmount mnt_root mnt_sb
struct mount mnt mnt_parent mnt_mountpoint mnt_ns
struct path *
struct file f_rcuhead f_op f_count private_data f_path f_inode
struct vm_area_struct vm_start vm_end vm_pgoff vm_file vm_flags
struct mm_struct mmap_lock locked_vm pinned_vm mm_users exe_file
struct rlimit *
struct signal_struct flags rlim
typedef kuid_t
struct user_struct locked_vm uid
struct cred user uid suid euid
struct rb_root_cached *
struct interval_tree_node rb start last
struct kthread data
struct work_struct data entry func
struct workqueue_struct name first_flusher flusher_queue flusher_overflow flush_color
struct pool_workqueue wq max_active inactive_works nr_in_flight
struct worker current_work current_func current_pwq current_color scheduled task
struct wq_barrier work task
struct wq_flusher list flush_color done
struct kobject name
struct device kobj iommu_group
struct iommu_group id owner_cnt owner
struct kernfs_node name
struct cgroup_subsys_state parent
struct cgroup self level kn
struct css_set dfl_cgrp
struct linux_binprm filename interp
struct xarray xa_head
struct xa_node shift slots
struct bpf_map id
struct bpf_prog_aux id
struct bpf_prog aux
struct seq_file count
struct bpf_iter_meta seq seq_num
struct bpf_iter__task meta task
struct bpf_iter__task_file meta task fd file
TYPES

cat <<'TAIL'
#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
TAIL
