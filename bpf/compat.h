/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compat.h - list 2: every difference between kernels, in one place.
 *
 * Upper half, shared with user space: HOOKS, the alternatives for each thing
 * that is watched, best first. source_bpf.c turns on the first one whose
 * function is in the kernel's BTF and reports what has none as a gap.
 *
 * Lower half, BPF only: what lives in modules, as local types for CO-RE (so
 * vmlinux.h never has to be made again for a new kernel), and one accessor for
 * each field that moved. Each says since when, and when it can go.
 */
#ifndef FDPIN_COMPAT_H
#define FDPIN_COMPAT_H

/*
 * HOOK(what, module or "vmlinux", function, need, why it may be missing)
 *
 * Programs are named <kind>__<function>; kinds are fentry, fexit. Rows with
 * the same "what" are alternatives unless the function is a pair. Missing is no
 * loss when it is OPTIONAL, as an earlier row of the same "what" is there or what
 * it watches is not; when it is OF_CONTAINERS, where VFIO has none of its own.
 */
enum hook_need { HOOK_OPTIONAL, HOOK_REQUIRED, HOOK_OF_CONTAINERS };

#define HOOKS(HOOK)                                                                                             \
	HOOK("container ioctls", "vfio", vfio_fops_unl_ioctl, OF_CONTAINERS, "")                                \
	HOOK("container open", "vfio", vfio_fops_open, OF_CONTAINERS, "")                                       \
	HOOK("container release", "vfio", vfio_fops_release, OF_CONTAINERS, "")                                 \
	HOOK("attach", "vfio", vfio_container_attach_group, OF_CONTAINERS, "")                                  \
	HOOK("detach", "vfio", vfio_group_detach_container, OF_CONTAINERS, "")                                  \
	HOOK("pin", "vfio", vfio_pin_pages, REQUIRED, "")                                                       \
	HOOK("unpin", "vfio", vfio_unpin_pages, REQUIRED, "")                                                   \
	HOOK("dma_rw", "vfio", vfio_dma_rw, REQUIRED, "")                                                       \
	HOOK("device close", "vfio", vfio_device_fops_release, REQUIRED, "")                                    \
	/* e: "vfio: remove blocking on invalid vaddr" took the wait away in 6.4; goes with the last 6.1 */     \
	HOOK("block", "vfio_iommu_type1", vfio_wait, OPTIONAL, "this kernel cannot block on a range")           \
	/* flush_work() has __flush_work() inlined on 6.1, so only this one sees both */                        \
	HOOK("flush begin", "vmlinux", start_flush_work, OPTIONAL, "inlined since 6.12")                        \
	HOOK("flush", "vmlinux", flush_work, OPTIONAL, "")                                                      \
	HOOK("flush", "vmlinux", __flush_work, REQUIRED, "")                                                    \
	HOOK("flush of a workqueue", "vmlinux", __flush_workqueue, REQUIRED, "")                                \
	/* the one place where type1 changes locked_vm, on every kernel; mm_lock_acct() is not on all of them */ \
	HOOK("charges", "vmlinux", __account_locked_vm, REQUIRED, "")                                           \
	HOOK("charges that a limit refuses", "vfio_iommu_type1", vfio_pin_pages_remote, OPTIONAL, "")           \
	HOOK("charges that unmapping credits nobody for", "vfio_iommu_type1", vfio_remove_dma, OPTIONAL, "")    \
	HOOK("charges of iommufd", "iommufd", iopt_pages_update_pinned, OPTIONAL, "")                           \
	/* its name until 6.12 */                                                                               \
	HOOK("charges of iommufd", "iommufd", do_update_pinned, OPTIONAL, "")                                   \
	HOOK("iommufd open", "iommufd", iommufd_fops_open, OPTIONAL, "")                                        \
	HOOK("iommufd release", "iommufd", iommufd_fops_release, OPTIONAL, "")                                  \
	HOOK("iommufd ioctls", "iommufd", iommufd_fops_ioctl, OPTIONAL, "")                                     \
	HOOK("iommufd pin", "iommufd", iommufd_access_pin_pages, OPTIONAL, "")                                  \
	HOOK("iommufd unpin", "iommufd", iommufd_access_unpin_pages, OPTIONAL, "")                              \
	/* all of an ioas is pinned when the first device joins, and no longer when the last one leaves */      \
	HOOK("iommufd attach", "iommufd", iommufd_device_attach, OPTIONAL, "")                                  \
	HOOK("iommufd attach", "iommufd", iommufd_device_replace, OPTIONAL, "")                                 \
	HOOK("iommufd detach", "iommufd", iommufd_device_detach, OPTIONAL, "")                                  \
	HOOK("iommufd attach that fails", "vfio", vfio_df_ioctl_attach_pt, OPTIONAL, "")                        \
	HOOK("iommufd bind that fails", "iommufd", iommufd_device_bind, OPTIONAL, "")                           \
	HOOK("exec", "vmlinux", membarrier_exec_mmap, REQUIRED, "")                                             \
	HOOK("the end of an address space", "vmlinux", exit_mmap, REQUIRED, "")

/*
 * P(function, what our programs take it to be)
 *
 * A word for each argument: a name is a pointer to the struct or union of that name,
 * * a pointer to whatever, a number an integer of so many bytes. =word is what it
 * returns, which a program at its end finds behind all arguments; + at the end:
 * there may be more of them. Of a program that reads none of them the function may
 * have whichever. Functions of LSM hooks are called bpf_lsm_ and the hook.
 */
#define PROTOTYPES(P)                                                        \
	P(vfio_fops_unl_ioctl, "file 4 8 =8")                                \
	P(vfio_fops_open, "inode file =4")                                   \
	P(vfio_fops_release, "inode file +")                                 \
	P(vfio_group_fops_unl_ioctl, "file 4 8 =8")                          \
	P(vfio_container_attach_group, "vfio_container vfio_group =4")       \
	P(vfio_group_detach_container, "vfio_group +")                       \
	/* by a list of page numbers, of a struct device, until 5.19 */      \
	P(vfio_pin_pages, "vfio_device 8 4 4 * =4")                          \
	P(vfio_unpin_pages, "vfio_device 8 4 +")                             \
	P(vfio_dma_rw, "vfio_device 8 * 8 1 =4")                             \
	P(vfio_device_fops_release, "inode file =4")                         \
	P(vfio_wait, "vfio_iommu =4")                                        \
	P(vfio_pin_pages_remote, "vfio_dma 8 8 * 8 * =8")                    \
	P(vfio_remove_dma, "vfio_iommu vfio_dma +")                          \
	P(vfio_iommu_type1_ioctl, "* 4 8 =8")                                \
	P(vfio_iommu_type1_attach_group, "* iommu_group 4 =4")               \
	P(vfio_iommu_type1_detach_group, "* iommu_group +")                  \
	P(vfio_iommu_type1_release, "* +")                                   \
	P(start_flush_work, "work_struct * 1 =1")                            \
	P(flush_work, "+")                                                   \
	P(__flush_work, "work_struct +")                                     \
	P(__flush_workqueue, "workqueue_struct +")                           \
	P(__account_locked_vm, "mm_struct 8 1 task_struct 1 =4")             \
	P(iopt_pages_update_pinned, "iopt_pages 8 1 * =4")                   \
	P(do_update_pinned, "iopt_pages 8 1 * =4")                           \
	P(iommufd_fops_open, "inode file =4")                                \
	P(iommufd_fops_release, "inode file =4")                             \
	P(iommufd_fops_ioctl, "file 4 8 =8")                                 \
	P(iommufd_access_pin_pages, "iommufd_access 8 8 +")                  \
	P(iommufd_access_unpin_pages, "iommufd_access 8 8 +")                \
	/* a PASID comes second since 6.15 */                                \
	P(iommufd_device_attach, "iommufd_device +")                         \
	P(iommufd_device_replace, "iommufd_device +")                        \
	P(iommufd_device_detach, "iommufd_device +")                         \
	P(iommufd_device_bind, "iommufd_ctx device * =*")                    \
	P(vfio_df_ioctl_attach_pt, "vfio_device_file * =4")                  \
	P(membarrier_exec_mmap, "mm_struct +")                               \
	P(exit_mmap, "mm_struct +")                                          \
	P(bpf_lsm_file_ioctl, "file 4 8 =4")                                 \
	P(bpf_lsm_file_ioctl_compat, "file 4 8 =4")                          \
	P(security_file_ioctl, "file 4 8 =4")                                \
	P(security_file_ioctl_compat, "file 4 8 =4")                         \
	P(bpf_lsm_file_alloc_security, "file =4")                            \
	P(security_file_alloc, "file =4")                                    \
	P(bpf_lsm_bprm_check_security, "linux_binprm =4")                    \
	P(security_bprm_check, "linux_binprm =4")                            \
	P(bpf_lsm_bpf_map, "bpf_map 4 =4")                                   \
	P(bpf_lsm_bpf_prog, "bpf_prog =4")                                   \
	P(bpf_lsm_bpf, "4 bpf_attr 4 +")                                     \
	P(bpf_lsm_ptrace_access_check, "task_struct 4 =4")                   \
	P(bpf_lsm_inode_unlink, "inode dentry =4")                           \
	P(bpf_lsm_inode_rmdir, "inode dentry =4")                            \
	P(bpf_lsm_inode_rename, "inode dentry inode dentry =4")              \
	P(bpf_lsm_sb_umount, "vfsmount 4 =4")

#ifdef __bpf__

/* ---- what lives in modules ------------------------------------------------ */

#define CORE __attribute__((preserve_access_index))

struct vfio_iommu_driver {
	const void *ops;
} CORE;

struct vfio_container {
	struct kref kref;
	struct list_head group_list;
	struct vfio_iommu_driver *iommu_driver;
	void *iommu_data;
	bool noiommu;
} CORE;

enum vfio_group_type {
	VFIO_IOMMU,
	VFIO_EMULATED_IOMMU,
	VFIO_NO_IOMMU,
};

struct vfio_group {
	struct iommu_group *iommu_group;
	struct vfio_container *container;
	struct list_head device_list;
	struct list_head container_next;
	enum vfio_group_type type;
} CORE;

struct vfio_device_set {
	struct mutex lock;
	struct list_head device_list;
} CORE;

struct vfio_device {
	struct device *dev;
	struct vfio_group *group;
	struct vfio_device_set *dev_set;
	struct list_head dev_set_list;
	unsigned int open_count;
	struct device device; /* since 6.1 (cb9ff3f3b84c); its name is vfio0 */
} CORE;

/* 6.6 put a struct between a device's file and the device. */
struct vfio_device_file {
	struct vfio_device *device;
	struct iommufd_ctx *iommufd; /* where that is there */
} CORE;

struct vfio_iommu {
	struct mutex lock;
	struct rb_root dma_list;
	struct list_head emulated_iommu_groups;
	unsigned int dma_avail;
	unsigned int vaddr_invalid_count;
	__u64 pgsize_bitmap;
	wait_queue_head_t vaddr_wait; /* until 6.3 */
	bool container_open;	      /* until 6.3 */
} CORE;

struct vfio_dma {
	struct rb_node node;
	u64 iova;
	unsigned long vaddr;
	size_t size;
	int prot;
	bool iommu_mapped;
	bool lock_cap;
	bool vaddr_invalid;
	struct task_struct *task;
	struct rb_root pfn_list;
	struct mm_struct *mm; /* since 6.3 and its stable relatives: before, that of the task counts */
	size_t locked_vm;     /* likewise */
} CORE;

/* ---- iommufd: where it is built in or a module ------------------------------ */

enum iommufd_object_type {
	IOMMUFD_OBJ_IOAS = 4, /* asked of the kernel that runs: the names stay, the numbers may not */
};

struct iommufd_object {
	enum iommufd_object_type type;
	unsigned int id;
} CORE;

struct io_pagetable {
	struct rb_root_cached area_itree;
} CORE;

struct iommufd_ioas {
	struct iommufd_object obj;
	struct io_pagetable iopt;
	struct list_head hwpt_list;
} CORE;

struct iommufd_ctx {
	struct xarray objects;
	struct iommufd_ioas *vfio_ioas;
} CORE;

/* Its own name, which user space can give it; the file is called "dmabuf". */
struct dma_buf {
	const char *name;
	struct file *file;
} CORE;

struct dma_buf_attachment {
	struct dma_buf *dmabuf;
} CORE;

struct iopt_pages_dmabuf {
	struct dma_buf_attachment *attach;
	unsigned long start;
} CORE;

/* type and file came with mapping of files, 6.13; dma-bufs later */
struct iopt_pages {
	struct mutex mutex;
	size_t npinned;
	size_t last_npinned;
	struct mm_struct *source_mm;
	struct task_struct *source_task;
	struct user_struct *source_user;
	enum { PAGES_OF_USER, PAGES_OF_FILE, PAGES_OF_DMABUF } type;
	void *uptr;
	struct file *file;
	unsigned long start;
	struct iopt_pages_dmabuf dmabuf;
	__u8 account_mode;
} CORE;

struct iopt_area {
	struct interval_tree_node node;
	struct interval_tree_node pages_node;
	struct iopt_pages *pages;
	void *storage_domain;
	unsigned int page_offset;
	int iommu_prot;
	unsigned int num_accesses;
} CORE;

struct iommufd_access {
	struct iommufd_ctx *ictx;
	struct iommufd_ioas *ioas;
} CORE;

struct iommufd_hwpt_paging {
	struct iommufd_ioas *ioas;
} CORE;

/* Newer kernels attach by PASID (pasid_attach, without one at index 0), older ones had one page table for a group. */
struct iommufd_attach {
	struct iommufd_hwpt_paging *hwpt;
} CORE;

struct iommufd_group {
	struct xarray pasid_attach;
	struct iommufd_hwpt_paging *hwpt;
} CORE;

struct iommufd_device {
	struct iommufd_ctx *ictx;
	struct iommufd_group *igroup;
} CORE;

struct dentry___data {
	void *d_fsdata;
} CORE;

/* These members are there only where iommufd is, and since 6.2 (access: 6.4). */
struct vfio_device___iommufd {
	struct iommufd_access *iommufd_access;
	struct iommufd_device *iommufd_device;
	__u8 cdev_opened : 1;
} CORE;

/* Since 6.2: the context that VFIO_GROUP_SET_CONTAINER was given in place of a container. */
struct vfio_group___iommufd {
	struct iommufd_ctx *iommufd;
} CORE;

/* ---- accessors ------------------------------------------------------------ */

/* struct file: 6.13 made the count a file_ref_t whose zero is one reference. */
struct file___ref {
	struct {
		atomic64_t refcnt;
	} f_ref;
} CORE;

static __always_inline __s64 file_refs(const struct file *file)
{
	if (bpf_core_field_exists(file->f_count))
		return BPF_CORE_READ(file, f_count.counter);
	if (bpf_core_field_exists(((struct file___ref *)0)->f_ref)) {
		__s64 n = BPF_CORE_READ((struct file___ref *)file, f_ref.refcnt.counter);

		return n < 0 ? 0 : n + 1;
	}
	return -1;
}

/* struct file: the callback of a delayed release is f_task_work since 6.12; until 6.0 it was in a union that had a name. */
struct file___task_work {
	struct callback_head f_task_work;
} CORE;

struct file___named_union {
	union {
		struct callback_head fu_rcuhead;
	} f_u;
} CORE;

static __always_inline unsigned int file_callback_offset(void)
{
	struct file *file = 0;

	if (bpf_core_field_exists(((struct file___task_work *)0)->f_task_work))
		return bpf_core_field_offset(struct file___task_work, f_task_work);
	if (bpf_core_field_exists(file->f_rcuhead))
		return bpf_core_field_offset(struct file, f_rcuhead);
	if (bpf_core_field_exists(((struct file___named_union *)0)->f_u.fu_rcuhead))
		return bpf_core_field_offset(struct file___named_union, f_u.fu_rcuhead);
	return -1U;
}

/*
 * A kernel with iommufd can be built without VFIO's own container, and without
 * groups, which a container takes: then /dev/vfio/vfio, if it is there, is
 * iommufd's. Before there was iommufd both were always there.
 */
static __always_inline bool has_groups(void)
{
	return bpf_core_field_exists(((struct vfio_device *)0)->group);
}

static __always_inline bool has_containers(void)
{
	return bpf_core_type_exists(struct vfio_container);
}

static __always_inline struct vfio_group *device_group(const struct vfio_device *vdev)
{
	return has_groups() ? BPF_CORE_READ(vdev, group) : NULL;
}

static __always_inline struct vfio_container *group_container(const struct vfio_group *group)
{
	return has_containers() ? BPF_CORE_READ(group, container) : NULL;
}

static __always_inline struct vfio_container *device_container(const struct vfio_device *vdev)
{
	return has_containers() ? BPF_CORE_READ(vdev, group, container) : NULL;
}

/* The same of an argument of a hook. */
static __always_inline const struct vfio_container *argument_container(const struct vfio_device *vdev)
{
	return has_containers() ? vdev->group->container : NULL;
}

/* The address space a range's memory is taken from and charged to. */
static __always_inline struct mm_struct *dma_mm(const struct vfio_dma *dma)
{
	struct task_struct *task;

	if (bpf_core_field_exists(dma->mm))
		return BPF_CORE_READ(dma, mm);
	task = BPF_CORE_READ(dma, task);
	return task ? BPF_CORE_READ(task, mm) : NULL;
}

/* The device behind a device file. */
static __always_inline struct vfio_device *file_vfio_device(const struct file *file)
{
	void *data = BPF_CORE_READ(file, private_data);

	if (bpf_core_type_exists(struct vfio_device_file))
		return BPF_CORE_READ((struct vfio_device_file *)data, device);
	return data;
}

/* A mediated device pins through an access. Its group says so, too, where there are groups, also while it is not open. */
static __always_inline bool device_has_access(const struct vfio_device *vdev)
{
	const struct vfio_device___iommufd *d = (const void *)vdev;

	return bpf_core_field_exists(d->iommufd_access) && BPF_CORE_READ(d, iommufd_access);
}

/* The context a device is bound to, through its access or as a physical device; that of its group, if it is not open. */
static __always_inline struct iommufd_ctx *device_ictx(const struct vfio_device *vdev, const struct vfio_group *group)
{
	const struct vfio_device___iommufd *d = (const void *)vdev;
	const struct vfio_group___iommufd *g = (const void *)group;
	struct iommufd_access *access = NULL;
	struct iommufd_device *idev = NULL;

	if (!bpf_core_type_exists(struct iommufd_ctx))
		return NULL;
	if (bpf_core_field_exists(d->iommufd_access))
		access = BPF_CORE_READ(d, iommufd_access);
	if (access && bpf_core_type_exists(struct iommufd_access))
		return BPF_CORE_READ(access, ictx);
	if (bpf_core_field_exists(d->iommufd_device))
		idev = BPF_CORE_READ(d, iommufd_device);
	if (idev && bpf_core_type_exists(struct iommufd_device))
		return BPF_CORE_READ(idev, ictx);
	if (g && bpf_core_field_exists(g->iommufd))
		return BPF_CORE_READ(g, iommufd);
	return NULL;
}

/* What a group is attached to without a PASID: entry 0 of an array of one entry or more. */
static __always_inline struct iommufd_hwpt_paging *group_hwpt(const struct iommufd_group *group)
{
	__u64 entry = 0;

	if (bpf_core_field_exists(group->hwpt))
		return BPF_CORE_READ(group, hwpt);
	if (!bpf_core_field_exists(group->pasid_attach) || !bpf_core_type_exists(struct iommufd_attach))
		return NULL;
	entry = (__u64)BPF_CORE_READ(group, pasid_attach.xa_head);
	for (int i = 0; i < 4 && (entry & 3) == 2 && entry > 4096; i++)
		bpf_probe_read_kernel(&entry, sizeof(entry), (void *)entry - 2 + bpf_core_field_offset(struct xa_node, slots));
	return entry && !(entry & 3) ? BPF_CORE_READ((struct iommufd_attach *)entry, hwpt) : NULL;
}

/* Number of the ioas that a device's DMA, or its driver's pins, go through; 0 if it is attached to none. */
static __always_inline __u32 device_ioas(const struct vfio_device *vdev)
{
	const struct vfio_device___iommufd *d = (const void *)vdev;
	struct iommufd_hwpt_paging *hwpt = NULL;
	struct iommufd_access *access = NULL;
	struct iommufd_device *idev = NULL;
	struct iommufd_ioas *ioas = NULL;

	if (!bpf_core_type_exists(struct iommufd_access) || !bpf_core_field_exists(d->iommufd_access))
		return 0;
	access = BPF_CORE_READ(d, iommufd_access);
	if (access)
		ioas = BPF_CORE_READ(access, ioas);
	if (!access && bpf_core_field_exists(d->iommufd_device) && bpf_core_type_exists(struct iommufd_group) &&
	    bpf_core_type_exists(struct iommufd_hwpt_paging)) {
		idev = BPF_CORE_READ(d, iommufd_device);
		if (idev)
			hwpt = group_hwpt(BPF_CORE_READ(idev, igroup));
		if (hwpt)
			ioas = BPF_CORE_READ(hwpt, ioas);
	}
	/* what a nested page table has in that place is another object */
	if (!ioas || BPF_CORE_READ(ioas, obj.type) != bpf_core_enum_value(enum iommufd_object_type, IOMMUFD_OBJ_IOAS))
		return 0;
	return BPF_CORE_READ(ioas, obj.id);
}

static __always_inline bool device_cdev(const struct vfio_device *vdev)
{
	const struct vfio_device___iommufd *d = (const void *)vdev;

	return bpf_core_field_exists(d->cdev_opened) ? BPF_CORE_READ_BITFIELD_PROBED(d, cdev_opened) : false;
}

/*
 * cred.cap_effective: two words until 6.3 (f122a08b197d made it one number);
 * the capabilities up to 31 are in its first four bytes either way (little endian).
 */
struct cred___caps {
	struct {
		__u64 val;
	} cap_effective;
} CORE;

static __always_inline __u32 cred_low_caps(const struct cred *cred)
{
	__u32 low = 0;

	bpf_probe_read_kernel(&low, sizeof(low),
			      (const void *)cred + bpf_core_field_offset(struct cred___caps, cap_effective));
	return low;
}

/* The limit of a workqueue: of each of its pools until 6.9 (a045a272d887), then of the whole. */
struct workqueue_struct___max {
	int max_active;
} CORE;

static __always_inline bool is_ordered(const struct pool_workqueue *pwq, const struct workqueue_struct *wq)
{
	if (bpf_core_field_exists(pwq->max_active))
		return BPF_CORE_READ(pwq, max_active) == 1;
	return BPF_CORE_READ((const struct workqueue_struct___max *)wq, max_active) == 1;
}

/*
 * mutex.wait_list went for first_waiter in 7.3, and its list has no head any
 * more: there a lock is not found from a waiter on a stack, and a wait for one
 * is a wait for something unknown.
 */
static __always_inline bool has_mutex_list(void)
{
	return bpf_core_field_exists(((struct mutex *)0)->wait_list);
}

/* Likewise rw_semaphore.wait_list, whose waiters are then in a ring: its first one is known, and none is the head. */
struct rw_semaphore___first {
	struct rwsem_waiter *first_waiter;
} CORE;

/* PREEMPT_RT has another lock in its place. */
static __always_inline bool has_rwsem(void)
{
	struct rw_semaphore *sem = 0;

	return bpf_core_field_exists(sem->count) && bpf_core_field_exists(sem->owner) && bpf_core_type_exists(struct rwsem_waiter) &&
	       (bpf_core_field_exists(sem->wait_list) || bpf_core_field_exists(((struct rw_semaphore___first *)0)->first_waiter)) &&
	       bpf_core_field_exists(((struct mutex *)0)->owner);
}

/* Time since it last got a CPU; 0 where the kernel keeps no such time (CONFIG_SCHED_INFO). */
static __always_inline __u64 task_asleep(const struct task_struct *task, __u64 now)
{
	__u64 last = 0;

	if (bpf_core_field_exists(task->sched_info.last_arrival))
		last = BPF_CORE_READ(task, sched_info.last_arrival);
	return last && now > last ? now - last : 0;
}

/* A word, and since 7.3 a byte, with others behind it. */
static __always_inline bool task_on_cpu(const struct task_struct *task)
{
	__u32 on = 0;

	bpf_core_read(&on, bpf_core_field_size(task->on_cpu), &task->on_cpu);
	return on;
}

/* task_struct.state became __state in 5.14 (2f064a59a11f); goes with the last 5.10. */
static __always_inline unsigned int task_state(const struct task_struct *task)
{
	return BPF_CORE_READ(task, __state);
}

#endif /* __bpf__ */
#endif
