/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * snapshot_threads.bpf.h - part of snapshot.bpf.c: the threads that matter.
 *
 * Their state, and what their kernel stacks lead to: a mutex and its owner, the
 * barrier of a flush, the device being released and the files behind it.
 */

/* ---- threads that matter -------------------------------------------------- */

/* Locks, completions and schedule() itself: functions that stacks as text leave out. */
static __always_inline bool in_scheduler(__u64 ip)
{
	return ip >= symbols[SYM___sched_text_start] && ip < symbols[SYM___sched_text_end];
}

struct stack_walk {
	__u64 base;	/* first word looked at */
	__u64 task;
	__u64 device_file; /* of the release it is in */
	__u64 lock;
	__u64 barrier; /* the wq_barrier it waits for */
	__u64 sched_ip; /* last word met that lies in a function of the scheduler */
	__u64 lock_ip;	/* that word when the waiter for the lock was met */
	__u32 wait;
	__u32 pad;
};

static __always_inline bool linked_both_ways(__u64 entry)
{
	__u64 next = word_at((void *)entry), prev = word_at((void *)entry + 8);

	return next && prev && word_at((void *)next + 8) == entry && word_at((void *)prev) == entry;
}

/* The head of a wait list is the one entry that is not a waiter on a stack: mutex->wait_list. Once round, and it is not of a mutex. */
struct head_walk {
	__u64 waiter, entry, head;
};

static long look_for_mutex(__u32 i, struct head_walk *w)
{
	__u64 lock = w->entry - bpf_core_field_offset(struct mutex, wait_list);
	__u64 owner = word_at((void *)lock + bpf_core_field_offset(struct mutex, owner));

	/* MUTEX_FLAG_WAITERS is set while somebody waits; the rest is the owner */
	if ((owner & 1) && (owner & ~7ULL) > (1ULL << 47)) {
		struct task_struct *task = (void *)(owner & ~7ULL);
		__u32 pid = BPF_CORE_READ(task, pid), tgid = BPF_CORE_READ(task, tgid);

		if (pid && tgid && pid < (1 << 22) + 1) {
			w->head = lock;
			return 1;
		}
	}
	w->entry = word_at((void *)w->entry);
	return !w->entry || w->entry == w->waiter;
}

/*
 * A device file without users whose delayed release has been called or is
 * about to be: a freed one that is still named on the stack has another
 * callback by then. Whether one is being released says in_release(); it is then
 * the innermost that is named.
 */
static __always_inline bool being_released(const struct file *file)
{
	struct callback_head *cb = (void *)file + file_callback_offset();

	if ((__u64)file < 0xffff800000000000ULL || (__u64)file & 7 || file_callback_offset() == -1U)
		return false;
	return (__u64)BPF_CORE_READ(file, f_op) == symbols[SYM_vfio_device_fops] && file_refs(file) == 0 &&
	       (__u64)BPF_CORE_READ(cb, func) == symbols[SYM_____fput];
}

/* Word i of a sleeping thread's stack: does it belong to a waiter, or name a file that is being released? */
static long look_at_word(__u32 i, struct stack_walk *w)
{
	__u64 at = w->base + i * sizeof(__u64), v = word_at((void *)at);

	if (v < 1ULL << 47)
		return 0;
	if (in_scheduler(v))
		w->sched_ip = v;
	if (v == w->task) {
		__u64 list = at - bpf_core_field_offset(struct mutex_waiter, task) +
			     bpf_core_field_offset(struct mutex_waiter, list);
		__u64 swait = at - bpf_core_field_offset(struct swait_queue, task) +
			      bpf_core_field_offset(struct swait_queue, task_list);

		struct wq_barrier *barrier = (void *)(at - bpf_core_field_offset(struct wq_barrier, task));

		if ((__u64)BPF_CORE_READ(barrier, work.func) == symbols[SYM_wq_barrier_func] &&
		    linked_both_ways((__u64)barrier + bpf_core_field_offset(struct work_struct, entry))) {
			w->barrier = (__u64)barrier;
			w->wait = WAIT_FLUSH;
		}
		if (has_mutex_list() && !w->lock && linked_both_ways(list)) {
			struct head_walk h = { .waiter = list, .entry = word_at((void *)list), .head = unknown_zero };

			if (bpf_loop(MAX_LIST, look_for_mutex, &h, 0) >= MAX_LIST)
				__sync_fetch_and_add(&stats.cut, 1);
			if (h.head) {
				w->lock = h.head;
				w->lock_ip = w->sched_ip;
				w->wait = WAIT_MUTEX;
			}
		}
		if (!w->wait && linked_both_ways(swait))
			w->wait = WAIT_COMPLETION;
		return 0;
	}
	if (!w->device_file && being_released((void *)v))
		w->device_file = v;
	return 0;
}

/*
 * The item a barrier was queued behind. Going back in the barrier's list, over
 * other barriers, there is either the item that waits its turn (its data has
 * the same queue), or the head of what is scheduled for the worker that runs it.
 */
struct target_walk {
	__u64 entry, pwq;
	__u64 work, worker;
};

#define WORK_STRUCT_PWQ 4
#define WORK_STRUCT_FLAGS 0xff

static long look_for_target(__u32 i, struct target_walk *t)
{
	struct work_struct *work;
	struct worker *worker;
	__u64 data;

	t->entry = word_at((void *)t->entry + bpf_core_field_offset(struct list_head, prev));
	if (!t->entry)
		return 1;
	worker = (void *)t->entry - bpf_core_field_offset(struct worker, scheduled);
	if ((__u64)BPF_CORE_READ(worker, current_pwq) == t->pwq && BPF_CORE_READ(worker, current_work)) {
		struct task_struct *task = BPF_CORE_READ(worker, task);

		if (task_worker(task) == worker) {
			t->worker = (__u64)worker;
			t->work = (__u64)BPF_CORE_READ(worker, current_work);
			return 1;
		}
	}
	work = entry_work(t->entry);
	data = BPF_CORE_READ(work, data.counter);
	if (!(data & WORK_STRUCT_PWQ) || (data & ~(__u64)WORK_STRUCT_FLAGS) != t->pwq)
		return 1;
	if ((__u64)BPF_CORE_READ(work, func) == symbols[SYM_wq_barrier_func])
		return 0;
	t->work = (__u64)work;
	return 1;
}

/*
 * What a thread has to be told of are functions of their own, as those that go
 * through its stack, and get addresses as numbers: they are verified once, and not
 * for each way that leads to them.
 */

/* A flush that was not found from a blocked worker: who runs the item is not blocked on a range, or nobody does. */
__noinline int on_barrier(__u64 task, __u64 barrier)
{
	struct work_struct *work = (void *)barrier + bpf_core_field_offset(struct wq_barrier, work);
	struct target_walk t = {
		.entry = (__u64)work + bpf_core_field_offset(struct work_struct, entry),
		.pwq = BPF_CORE_READ(work, data.counter) & ~(__u64)WORK_STRUCT_FLAGS,
		.work = unknown_zero,
		.worker = unknown_zero,
	};
	struct pool_workqueue *pwq = (void *)t.pwq;
	struct workqueue_struct *wq = BPF_CORE_READ(pwq, wq);
	struct worker *worker;

	if (bpf_loop(MAX_LIST, look_for_target, &t, 0) >= MAX_LIST)
		__sync_fetch_and_add(&stats.cut, 1);
	if (!t.work)
		return 0;
	on_flusher(task, (void *)t.work, wq, t.worker ? VIA_BARRIER : VIA_BARRIER_PENDING, 0);
	worker = (void *)t.worker;
	if (worker)
		on_runs(BPF_CORE_READ(worker, task), worker);
	return 0;
}

struct chain_walk {
	__u64 callback;
	struct task_struct *task;
};

/* The files behind the one that is being released, in the list of work its thread has taken. */
static long look_at_pending(__u32 i, struct chain_walk *w)
{
	struct callback_head *cb = (void *)w->callback;
	struct vfio_container *container;
	struct ev_pending *e;
	struct file *file;

	if (!cb || file_callback_offset() == -1U)
		return 1;
	w->callback = (__u64)BPF_CORE_READ(cb, next);
	if (!symbols[SYM_____fput] || (__u64)BPF_CORE_READ(cb, func) != symbols[SYM_____fput])
		return 0;
	file = (void *)cb - file_callback_offset();
	if ((__u64)BPF_CORE_READ(file, f_op) != symbols[SYM_vfio_fops] || file_refs(file) != 0)
		return 0;
	container = BPF_CORE_READ(file, private_data);
	if (!container)
		return 0;
	e = EV_BEGIN(pending, object_id(container));
	if (!e)
		return 0;
	about_task(&e->h, w->task);
	e->file = object_id(file);
	EV_END(e);
	return 0;
}

__noinline int on_closing(__u64 task, __u64 at)
{
	const struct file *file = (void *)at;
	struct vfio_device *device = file_vfio_device(file);
	__u64 container = object_id(device_container(device));
	struct chain_walk w = { .task = (void *)task };
	struct ev_close *e;

	e = EV_BEGIN(close, container);
	if (e) {
		about_task(&e->h, (void *)task);
		e->device = object_id(device);
		device_name(device, e->device_name, sizeof(e->device_name));
		EV_END(e);
	}
	if (file_callback_offset() == -1U)
		return 0;
	w.callback = word_at((void *)file + file_callback_offset());
	if (bpf_loop(MAX_CHAIN, look_at_pending, &w, 0) >= MAX_CHAIN)
		__sync_fetch_and_add(&stats.cut, 1);
	return 0;
}

__noinline int on_lock(__u64 task, __u64 lock)
{
	struct task_struct *owner;
	struct ev_lock *e;

	/* it is verified also where nothing leads here */
	if (!has_mutex_list())
		return 0;
	e = EV_BEGIN(lock, 0);
	if (!e)
		return 0;
	owner = (void *)(word_at((void *)lock + bpf_core_field_offset(struct mutex, owner)) & ~7ULL);
	about_task(&e->h, (void *)task);
	if (owner)
		PUT_NEW(interesting, owner);
	e->lock = object_id((void *)lock);
	e->owner = owner ? BPF_CORE_READ(owner, pid) : 0;
	__builtin_memcpy(e->lock_name, "mutex", 6);
	EV_END(e);
	return 0;
}

/* Innermost function that is not the scheduler's, which some kernels show, from frames that were just read; 0. */
__noinline __u64 sleeps_in(const struct stack_scratch *s, long bytes)
{
	for (int i = 0; s && i < 8; i++) {
		if ((i + 1) * (long)sizeof(__u64) > bytes)
			break;
		if (!in_scheduler(s->ips[i]))
			return s->ips[i];
	}
	return 0;
}

#define PREFIX(name, prefix) (!bpf_strncmp(name, sizeof(prefix) - 1, prefix))

/* Is a frame of the release of a device on the stack? That of an ioctl is not enough. */
__noinline int in_release(const struct stack_scratch *s, long bytes)
{
	char name[32];

	for (int i = 0; s && i < SCAN_DEPTH / 2; i++) {
		if ((i + 1) * (long)sizeof(__u64) > bytes)
			break;
		__builtin_memset(name, 0, sizeof(name));
		function_name(name, sizeof(name), (void *)s->ips[i]);
		if (PREFIX(name, "vfio_device_fops_release"))
			return 1;
	}
	return 0;
}

/*
 * Correct what the words of a stack seem to say by its functions. A waiter for
 * an rwsem looks like one for a mutex, and what stands where a mutex has its
 * owner is then only the last reader, who may have gone. The frame a waiter is
 * in belongs to the function whose return address was met before it. And a
 * sleep that a timer ends is told from one that somebody must end.
 */
static __always_inline void judge_by_functions(struct stack_walk *w, const struct stack_scratch *s, long bytes)
{
	char name[32] = {};

	if (w->lock) {
		function_name(name, sizeof(name), (void *)w->lock_ip);
		if (!PREFIX(name, "__mutex_lock") && !PREFIX(name, "mutex_lock") && !PREFIX(name, "__ww_mutex_lock")) {
			w->lock = 0;
			w->wait = WAIT_UNKNOWN;
		}
	}
	if (w->wait || bytes < (long)sizeof(s->ips[0]))
		return;
	__builtin_memset(name, 0, sizeof(name));
	function_name(name, sizeof(name), (void *)s->ips[0]);
	if (PREFIX(name, "msleep") || PREFIX(name, "do_nanosleep") || PREFIX(name, "hrtimer_nanosleep"))
		w->wait = WAIT_TIMER;
}

__noinline int on_thread(__u64 address, __u32 wait, const struct stack_scratch *s, long bytes)
{
	struct task_struct *task = (void *)address;
	struct ev_thread *e;
	struct ev_stack *k;

	e = EV_BEGIN(thread, 0);
	if (!e)
		return 0;
	about_task(&e->h, task);
	e->files = object_id(BPF_CORE_READ(task, files));
	e->switches = BPF_CORE_READ(task, nvcsw) + BPF_CORE_READ(task, nivcsw);
	e->asleep_ns = task_asleep(task, bpf_ktime_get_ns());
	/* Who is about to sleep, or has just been woken, still runs: what its stack would say is not what it waits for. */
	e->state = (task_on_cpu(task) ? 0 : task_state(task)) | BPF_CORE_READ(task, exit_state);
	e->class = task_class(task);
	e->exiting = !!(BPF_CORE_READ(task, flags) & PF_EXITING);
	e->wait = HAS(waiters, task) ? WAIT_VADDR : HAS(mmap_waiters, task) ? WAIT_MMAP_LOCK : wait;
	if (s && bytes > 0)
		function_name(e->wchan, sizeof(e->wchan), (void *)sleeps_in(s, bytes));
	EV_END(e);
	if (!s || bytes <= 0)
		return 0;
	k = EV_BEGIN(stack, 0);
	if (!k)
		return 0;
	about_task(&k->h, task);
	stack_text(k, s->ips, bytes);
	EV_END(k);
	return 0;
}

/* From where it sleeps to where it came into the kernel; how large a stack is depends on the kernel (twice as large with KASAN). */
static __always_inline void scan_stack(struct task_struct *task, struct stack_walk *w)
{
	__u64 stack = (__u64)BPF_CORE_READ(task, stack), sp = BPF_CORE_READ(task, thread.sp);
	__u64 end = argument_address((void *)bpf_task_pt_regs(task));

	w->task = (__u64)task;
	if (!stack || task_on_cpu(task))
		return;
	if (sp < stack || sp > end || end - stack > MAX_THREAD_SIZE) {
		__sync_fetch_and_add(&stats.cut, 1);
		return;
	}
	w->base = sp & ~7ULL;
	bpf_loop((end - w->base) / sizeof(__u64), look_at_word, w, 0);
}

static __always_inline bool matters(struct task_struct *task, const struct stack_walk *w)
{
	struct files_struct *files = BPF_CORE_READ(task, files);
	struct task_struct *owner;

	if (w->device_file || (files && HAS(holder_tables, files)) || HAS(interesting, task))
		return true;
	if (!has_mutex_list() || !w->lock)
		return false;
	owner = (void *)(word_at((void *)w->lock + bpf_core_field_offset(struct mutex, owner)) & ~7ULL);
	return HAS(interesting, owner);
}

/*
 * Described are: threads of a process that holds a container, waiters and
 * flushers, and any thread that sleeps uninterruptibly in a device's release
 * or waits for a mutex whose owner is one of these.
 */
SEC("iter/task")
int find_threads(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct stack_walk w = {
		.device_file = unknown_zero,
		.lock = unknown_zero,
		.lock_ip = unknown_zero,
		.sched_ip = unknown_zero,
		.barrier = unknown_zero,
		.wait = unknown_zero,
	};
	struct stack_scratch *s;
	__u64 address, *mm;
	__u32 zero = 0;
	long bytes = 0;

	if (!task || HAS(described, task))
		return 0;
	s = bpf_map_lookup_elem(&stack_scratch, &zero);
	if ((task_state(task) & (TASK_UNINTERRUPTIBLE | TASK_NOLOAD)) == TASK_UNINTERRUPTIBLE) {
		scan_stack(task, &w);
		if (s)
			bytes = bpf_get_task_stack(task, s->ips, sizeof(s->ips), 0);
		if (s)
			judge_by_functions(&w, s, bytes);
	}
	if (!matters(task, &w))
		return 0;
	PUT_NEW(described, task);
	PUT(interesting, task, 1);
	if (s && !bytes)
		bytes = bpf_get_task_stack(task, s->ips, sizeof(s->ips), 0);
	address = argument_address(task);
	on_thread(address, w.wait, s, bytes);
	if (w.device_file && s && in_release(s, bytes))
		on_closing(address, w.device_file);
	if (w.lock)
		on_lock(address, w.lock);
	if (w.barrier)
		on_barrier(address, w.barrier);
	mm = HAS(mmap_waiters, task);
	if (mm)
		on_mmap_lock(address, *mm);
	return 0;
}
