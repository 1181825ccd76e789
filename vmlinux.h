/* SPDX-License-Identifier: GPL-2.0-only */
/* Made by `make vmlinux.h VMLINUX_BTF=FILE`, that is bpf/vmlinux.sh; do not edit. */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#endif

struct list_head;
struct rb_node;
struct rb_root;
struct refcount_struct;
struct kref;
struct callback_head;
struct swait_queue;
struct swait_queue_head;
struct completion;
struct wait_queue_head;
struct wait_queue_entry;
struct mutex;
struct mutex_waiter;
struct rw_semaphore;
struct rwsem_waiter;
struct sched_info;
struct thread_struct;
struct pt_regs;
struct fdtable;
struct files_struct;
struct task_struct;
struct nsproxy;
struct qstr;
struct super_block;
struct inode;
struct dentry;
struct vfsmount;
struct mount;
struct path;
struct file;
struct vm_area_struct;
struct mm_struct;
struct rlimit;
struct signal_struct;
struct user_struct;
struct cred;
struct rb_root_cached;
struct interval_tree_node;
struct kthread;
struct work_struct;
struct workqueue_struct;
struct pool_workqueue;
struct worker;
struct wq_barrier;
struct wq_flusher;
struct kobject;
struct device;
struct iommu_group;
struct kernfs_node;
struct cgroup_subsys_state;
struct cgroup;
struct css_set;
struct linux_binprm;
struct xarray;
struct xa_node;
struct bpf_map;
struct bpf_prog_aux;
struct bpf_prog;
struct seq_file;
struct bpf_iter_meta;
struct bpf_iter__task;
struct bpf_iter__task_file;

enum { false = 0 };

enum { true = 1 };

typedef int __kernel_pid_t;

typedef unsigned int __kernel_uid32_t;

typedef __kernel_uid32_t uid_t;

typedef __kernel_pid_t pid_t;

typedef unsigned char __u8;

typedef signed char __s8;

typedef short unsigned int __u16;

typedef short int __s16;

typedef unsigned int __u32;

typedef int __s32;

typedef long long unsigned int __u64;

typedef long long int __s64;

typedef __u8 u8;

typedef __u16 u16;

typedef __u32 u32;

typedef __s32 s32;

typedef __u64 u64;

typedef __s64 s64;

typedef u32 __kernel_dev_t;

typedef __kernel_dev_t dev_t;

typedef long unsigned int __kernel_ulong_t;

typedef __kernel_ulong_t __kernel_size_t;

typedef __kernel_size_t size_t;

typedef _Bool bool;

typedef __u16 __be16;

typedef __u32 __be32;

typedef __u32 __wsum;

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	s64 counter;
} atomic64_t;

typedef atomic64_t atomic_long_t;

typedef void (*work_func_t)(struct work_struct *);

enum bpf_map_type {
	BPF_MAP_TYPE_UNSPEC = 0,
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4,
	BPF_MAP_TYPE_PERCPU_HASH = 5,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_STACK_TRACE = 7,
	BPF_MAP_TYPE_CGROUP_ARRAY = 8,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_LRU_PERCPU_HASH = 10,
	BPF_MAP_TYPE_LPM_TRIE = 11,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_HASH_OF_MAPS = 13,
	BPF_MAP_TYPE_DEVMAP = 14,
	BPF_MAP_TYPE_SOCKMAP = 15,
	BPF_MAP_TYPE_CPUMAP = 16,
	BPF_MAP_TYPE_XSKMAP = 17,
	BPF_MAP_TYPE_SOCKHASH = 18,
	BPF_MAP_TYPE_CGROUP_STORAGE = 19,
	BPF_MAP_TYPE_REUSEPORT_SOCKARRAY = 20,
	BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE = 21,
	BPF_MAP_TYPE_QUEUE = 22,
	BPF_MAP_TYPE_STACK = 23,
	BPF_MAP_TYPE_SK_STORAGE = 24,
	BPF_MAP_TYPE_DEVMAP_HASH = 25,
	BPF_MAP_TYPE_STRUCT_OPS = 26,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_INODE_STORAGE = 28,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
	BPF_MAP_TYPE_BLOOM_FILTER = 30,
	BPF_MAP_TYPE_USER_RINGBUF = 31,
};

enum { BPF_ANY = 0 };

enum { BPF_NOEXIST = 1 };

enum { BPF_F_NO_PREALLOC = 1 };

enum { BPF_F_MMAPABLE = 1024 };

enum { BPF_LOCAL_STORAGE_GET_F_CREATE = 1 };

enum { BPF_RB_NO_WAKEUP = 1 };

enum { BPF_RB_FORCE_WAKEUP = 2 };

enum { BPF_RB_AVAIL_DATA = 0 };

struct list_head {
	struct list_head *next;
	struct list_head *prev;
};

struct rb_node {
	long unsigned int __rb_parent_color;
	struct rb_node *rb_right;
	struct rb_node *rb_left;
};

struct rb_root {
	struct rb_node *rb_node;
};

struct refcount_struct {
	atomic_t refs;
};

typedef struct refcount_struct refcount_t;

struct kref {
	refcount_t refcount;
};

struct callback_head {
	struct callback_head *next;
	void (*func)(struct callback_head *);
};

struct swait_queue {
	struct task_struct *task;
	struct list_head task_list;
};

struct swait_queue_head {
	struct list_head task_list;
};

struct completion {
	struct swait_queue_head wait;
};

struct wait_queue_head {
	struct list_head head;
};

typedef struct wait_queue_head wait_queue_head_t;

struct wait_queue_entry {
	void *private;
	struct list_head entry;
};

struct mutex {
	atomic_long_t owner;
	struct list_head wait_list;
};

struct mutex_waiter {
	struct list_head list;
	struct task_struct *task;
};

struct rw_semaphore {
	atomic_long_t count;
	atomic_long_t owner;
	struct list_head wait_list;
};

struct rwsem_waiter {
	struct list_head list;
	struct task_struct *task;
};

struct sched_info {
	long long unsigned int last_arrival;
};

struct thread_struct {
	long unsigned int sp;
};

struct pt_regs {
	long unsigned int cx;
	long unsigned int si;
	long unsigned int orig_ax;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
	long unsigned int *close_on_exec;
};

struct files_struct {
	struct fdtable *fdt;
};

struct task_struct {
	unsigned int __state;
	void *stack;
	unsigned int flags;
	int on_cpu;
	struct sched_info sched_info;
	struct mm_struct *mm;
	int exit_state;
	pid_t pid;
	pid_t tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	void *worker_private;
	long unsigned int nvcsw;
	long unsigned int nivcsw;
	u64 start_boottime;
	const struct cred *cred;
	char comm[16];
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct css_set *cgroups;
	struct thread_struct thread;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

struct qstr {
	const unsigned char *name;
};

struct super_block {
	dev_t s_dev;
	long unsigned int s_blocksize;
	long unsigned int s_magic;
};

struct inode {
	struct super_block *i_sb;
	long unsigned int i_ino;
	const unsigned int i_nlink;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
};

struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct callback_head f_rcuhead;
	struct path f_path;
	struct inode *f_inode;
	const struct file_operations *f_op;
	atomic_long_t f_count;
	void *private_data;
};

struct vm_area_struct {
	long unsigned int vm_start;
	long unsigned int vm_end;
	long unsigned int vm_flags;
	long unsigned int vm_pgoff;
	struct file *vm_file;
};

struct mm_struct {
	atomic_t mm_users;
	struct rw_semaphore mmap_lock;
	long unsigned int locked_vm;
	atomic64_t pinned_vm;
	struct file *exe_file;
};

struct rlimit {
	__kernel_ulong_t rlim_cur;
	__kernel_ulong_t rlim_max;
};

struct signal_struct {
	unsigned int flags;
	struct rlimit rlim[16];
};

typedef struct {
	uid_t val;
} kuid_t;

struct user_struct {
	kuid_t uid;
	atomic_long_t locked_vm;
};

struct cred {
	kuid_t uid;
	kuid_t suid;
	kuid_t euid;
	struct user_struct *user;
};

struct rb_root_cached {
	struct rb_root rb_root;
	struct rb_node *rb_leftmost;
};

struct interval_tree_node {
	struct rb_node rb;
	long unsigned int start;
	long unsigned int last;
};

struct kthread {
	void *data;
};

struct work_struct {
	atomic_long_t data;
	struct list_head entry;
	work_func_t func;
};

struct workqueue_struct {
	int flush_color;
	struct wq_flusher *first_flusher;
	struct list_head flusher_queue;
	struct list_head flusher_overflow;
	char name[24];
};

struct pool_workqueue {
	struct workqueue_struct *wq;
	int nr_in_flight[16];
	int max_active;
	struct list_head inactive_works;
};

struct worker {
	struct work_struct *current_work;
	work_func_t current_func;
	struct pool_workqueue *current_pwq;
	unsigned int current_color;
	struct list_head scheduled;
	struct task_struct *task;
};

struct wq_barrier {
	struct work_struct work;
	struct task_struct *task;
};

struct wq_flusher {
	struct list_head list;
	int flush_color;
	struct completion done;
};

struct kobject {
	const char *name;
};

struct device {
	struct kobject kobj;
	struct iommu_group *iommu_group;
};

struct iommu_group {
	int id;
	unsigned int owner_cnt;
	void *owner;
};

struct kernfs_node {
	const char *name;
};

struct cgroup_subsys_state {
	struct cgroup_subsys_state *parent;
};

struct cgroup {
	struct cgroup_subsys_state self;
	int level;
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct linux_binprm {
	const char *filename;
	const char *interp;
};

struct xarray {
	void *xa_head;
};

struct xa_node {
	unsigned char shift;
	void *slots[64];
};

struct bpf_map {
	u32 id;
};

struct bpf_prog_aux {
	u32 id;
};

struct bpf_prog {
	struct bpf_prog_aux *aux;
};

struct seq_file {
	size_t count;
};

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 seq_num;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
