/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * common.bpf.h - what both observing objects share: configuration, counters,
 * the ring buffer, and the one way to make a record. Included once per object.
 *
 * A record is reserved, zeroed and given its header by EV_BEGIN(); it is
 * submitted without waking anyone, because user space looks every few
 * milliseconds: a wake-up costs ten times what the record does.
 */
#ifndef FDPIN_COMMON_BPF_H
#define FDPIN_COMMON_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define __bpf__ 1
#define NULL ((void *)0)
#include "events.h"
#include "config.h"
#include "compat.h"

char LICENSE[] SEC("license") = "GPL";

const volatile struct fdpin_config cfg = { .events = ~0ULL };
struct fdpin_stats stats = {};
__u64 last_wake = 0; /* when a record last woke user space */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

/* Containers that a filter selected, so that what others do to them is shown too. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FDPIN_MAX_CONTAINERS);
	__type(key, __u64);
	__type(value, __u8);
} wanted_containers SEC(".maps");

/* Processes asked for with -p, and their children. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FDPIN_MAX_TGIDS);
	__type(key, __u32);
	__type(value, __u8);
} tgids SEC(".maps");

/*
 * What may be in the two tables above. Where a bit is not set, the table needs no
 * look, which costs as much as a pair of empty programs.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fdpin_hints);
} hints SEC(".maps");

static __always_inline bool hint_has(const __u64 *bits, __u64 what)
{
	return bits[what / 64 % FDPIN_HINT_WORDS] >> what % 64 & 1;
}

static __always_inline void hint_add(__u64 *bits, __u64 what)
{
	__sync_fetch_and_or(&bits[what / 64 % FDPIN_HINT_WORDS], 1ULL << what % 64);
}

static __always_inline void want_container(__u64 container)
{
	struct fdpin_hints *h;
	__u32 zero = 0;
	__u8 one = 1;

	h = bpf_map_lookup_elem(&hints, &zero);
	if (h) {
		hint_add(h->containers, container);
		h->any_container = 1;
	}
	bpf_map_update_elem(&wanted_containers, &container, &one, BPF_ANY);
}

static __always_inline long follow_tgid(__u32 tgid)
{
	struct fdpin_hints *h;
	__u32 zero = 0;
	__u8 one = 1;

	h = bpf_map_lookup_elem(&hints, &zero);
	if (h)
		hint_add(h->tgids, tgid);
	return bpf_map_update_elem(&tgids, &tgid, &one, BPF_ANY);
}

/* Processes that have used a container: whose exec is of interest. */
struct vfio_user {
	char comm[FDPIN_COMM_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FDPIN_MAX_CONTAINERS);
	__type(key, __u32);
	__type(value, struct vfio_user);
} vfio_users SEC(".maps");

/* Address spaces that something was charged to, by their id: whose end is of interest. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FDPIN_MAX_CONTAINERS);
	__type(key, __u64);
	__type(value, __u8);
} charged_mms SEC(".maps");

#define PF_EXITING 0x00000004
#define PF_WQ_WORKER 0x00000020
#define PF_KTHREAD 0x00200000

static __always_inline __u64 mix(__u64 x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	return x ^ (x >> 32);
}

/*
 * The id of a kernel object, the same for a whole boot. It is one-to-one, so
 * that two objects never share one, and says nothing about the address without
 * the key, which is made from the secret the kernel itself hashes pointers with.
 */
static __always_inline __u64 object_id_key(const void *object, __u64 key0, __u64 key1)
{
	__u64 id = object ? mix(mix((__u64)object ^ key0) ^ key1) : 0;

	return (id & FDPIN_ID_MARK) == FDPIN_ID_IOMMUFD ? id ^ 1ULL << 63 : id;
}

/*
 * What ids are made with: from what user space gave, and a secret of the kernel
 * that lies at ptr_key (0: not to be had). 1 if the kernel has yet to make it: it
 * does when its random numbers are ready, or up to two seconds later
 * (lib/vsprintf.c). Ids that are made with what is there are others then.
 */
static __always_inline int make_key(__u64 key[2], __u64 ptr_key)
{
	__u64 secret[2] = {};
	int err = 0;

	if (ptr_key)
		err = bpf_probe_read_kernel(secret, sizeof(secret), (void *)ptr_key);
	key[0] = mix(secret[0] ^ cfg.key[0]);
	key[1] = mix(secret[1] ^ cfg.key[1]);
	return ptr_key && !err && !(secret[0] | secret[1]);
}

/* A context of iommufd has an id of its own kind, so that its name says what it is. */
static __always_inline __u64 context_id(__u64 id)
{
	return id ? (id & ~FDPIN_ID_MARK) | FDPIN_ID_IOMMUFD : 0;
}

/*
 * An argument of a hook as a number. The verifier tracks it as a pointer to a
 * kernel type and allows no arithmetic on it ("R2 bitwise operator ^= on
 * pointer prohibited"); what a read of our own stack returns is a number.
 */
static __always_inline __u64 argument_address(const void *arg)
{
	__u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &arg);
	return address;
}

#define NUMBER(arg) ((void *)argument_address((const void *)(arg)))

/* The same by way of a table's value, as what is read there is a number: without a call. */
static __always_inline void *number_by(__u64 *value, const void *arg)
{
	volatile __u64 *v = value;

	*v = (__u64)arg;
	return (void *)*v;
}

/*
 * The same by its place among the arguments, for where there is a ctx: without a
 * call. The kernel types of arguments can be followed as they are, a read each.
 */
#define NTH_NUMBER(ctx, n)                              \
	({                                              \
		__u64 __value = 0;                      \
		bpf_get_func_arg(ctx, n, &__value);     \
		(void *)__value;                        \
	})

static __always_inline void fill_header(struct fdpin_hdr *h, __u32 size, __u16 type, __u64 container)
{
	/* in two words, as bpf_get_current_comm() would cost as much as all the rest of the header */
	const __u64 *comm = (const void *)&bpf_get_current_task_btf()->comm;
	__u64 id = bpf_get_current_pid_tgid();

	h->size = size;
	h->type = type;
	h->ts_ns = bpf_ktime_get_ns();
	h->container = container;
	h->tgid = id >> 32;
	h->tid = (__u32)id;
	((__u64 *)h->comm)[0] = comm[0];
	((__u64 *)h->comm)[1] = comm[1];
}

/* It is not the current thread's doing. */
static __always_inline void by_nobody(struct fdpin_hdr *h)
{
	h->tgid = h->tid = 0;
	__builtin_memset(h->comm, 0, sizeof(h->comm));
}

/* Room for so many records, one behind the other; user space takes them apart by their sizes. */
static __always_inline void *reserve(__u32 size, __u32 records)
{
	void *e = bpf_ringbuf_reserve(&events, size, 0);

	if (!e)
		__sync_fetch_and_add(&stats.lost, records);
	return e;
}

/* A zeroed record with its header, about the current thread; or NULL, counted as lost. */
#define EV_BEGIN(name, container)                                                            \
	({                                                                                   \
		struct ev_##name *__e = reserve(sizeof(*__e), 1);                            \
		if (__e) {                                                                   \
			__builtin_memset(__e, 0, sizeof(*__e));                              \
			fill_header(&__e->h, sizeof(*__e), EV_##name, container);            \
		}                                                                            \
		__e;                                                                         \
	})

#define EV_END(e) bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP)
/*
 * For what somebody may be waiting for. After a wake-up user space looks by
 * itself before WAKE_EVERY_NS are over; two CPUs that both wake do no harm.
 */
#define EV_END_NOW(e)                                                                        \
	({                                                                                   \
		__u64 __now = (e)->h.ts_ns;                                                  \
		bool __wake = __now - last_wake >= WAKE_EVERY_NS;                            \
		if (__wake)                                                                  \
			last_wake = __now;                                                   \
		bpf_ringbuf_submit(e, __wake ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);      \
	})

static __always_inline void device_name(const struct vfio_device *vdev, char *buf, __u32 size)
{
	struct device *dev = BPF_CORE_READ(vdev, dev);

	bpf_probe_read_kernel_str(buf, size, BPF_CORE_READ(dev, kobj.name));
}

/* The same of an argument of a hook. */
static __always_inline void argument_name(const struct vfio_device *vdev, char *buf, __u32 size)
{
	bpf_probe_read_kernel_str(buf, size, vdev->dev->kobj.name);
}

/* "vfio0": what /dev/vfio/devices calls it, also where there is no such folder. */
static __always_inline void vfio_name(const struct vfio_device *vdev, char *buf, __u32 size)
{
	if (bpf_core_field_exists(vdev->device))
		bpf_probe_read_kernel_str(buf, size, BPF_CORE_READ(vdev, device.kobj.name));
}

/* The invalid ranges of a type1 container; 0 where there is no such driver. */
static __always_inline __u32 iommu_invalid(const struct vfio_iommu *iommu)
{
	if (!iommu || !bpf_core_type_exists(struct vfio_iommu))
		return 0;
	return BPF_CORE_READ(iommu, vaddr_invalid_count);
}

static __always_inline __u32 invalid_ranges(const struct vfio_container *container)
{
	return has_containers() ? iommu_invalid(BPF_CORE_READ(container, iommu_data)) : 0;
}

/* Is the group of a mediated device attached to it? */
static __always_inline bool iommu_has_emulated(const struct vfio_iommu *iommu)
{
	struct list_head *head = (void *)iommu + bpf_core_field_offset(struct vfio_iommu, emulated_iommu_groups);

	return BPF_CORE_READ(head, next) != head;
}

static __always_inline bool has_emulated(const struct vfio_container *container)
{
	struct vfio_iommu *iommu = has_containers() ? BPF_CORE_READ(container, iommu_data) : NULL;

	return iommu && bpf_core_type_exists(struct vfio_iommu) && iommu_has_emulated(iommu);
}

/* The worker a kernel worker thread is, NULL for any other thread. */
static __always_inline struct worker *task_worker(const struct task_struct *task)
{
	struct kthread *kthread;

	if (!(BPF_CORE_READ(task, flags) & PF_WQ_WORKER))
		return NULL;
	kthread = BPF_CORE_READ(task, worker_private);
	return kthread ? BPF_CORE_READ(kthread, data) : NULL;
}

static __always_inline __u32 task_class(const struct task_struct *task)
{
	__u32 flags = BPF_CORE_READ(task, flags);

	if (flags & PF_WQ_WORKER)
		return CLASS_WORKER;
	return flags & PF_KTHREAD ? CLASS_KTHREAD : CLASS_USER;
}

static __always_inline void function_name(char *buf, __u32 size, void *func)
{
	__u64 args[1] = { (__u64)func };

	if (func)
		bpf_snprintf(buf, size, "%ps", args, sizeof(args));
}

/* Frames of a stack as text, one slot each; raw addresses never leave. */
static __always_inline void stack_text(struct ev_stack *e, const __u64 *ips, long bytes)
{
	__u64 args[1];

	for (int i = 0; i < STACK_DEPTH; i++) {
		if ((i + 1) * (long)sizeof(*ips) > bytes)
			break;
		args[0] = ips[i];
		bpf_snprintf(&e->frames[i * STACK_WIDTH], STACK_WIDTH, "%pB", args, sizeof(args));
	}
}

/* More than is shown: whether a thread is in a release is decided by the whole stack. */
#define SCAN_DEPTH 64

struct stack_scratch {
	__u64 ips[SCAN_DEPTH];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stack_scratch);
} stack_scratch SEC(".maps");

#endif
