/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * events.h - list 1: every event, its fields and what it does to the model.
 *
 * An event is one EVENT() block below: name, a sentence template for people,
 * fields, effects. From the blocks are made, here and in src/schema.c:
 *
 *   enum fdpin_type	EV_<name>
 *   struct ev_<name>	the wire record: struct fdpin_hdr, then the fields
 *   schema_table[]	names, kinds, offsets and effects for decoding,
 *			printing and the model
 *
 * The same record comes out of the live hooks (trace.bpf.c), of the look back
 * at a standing system (snapshot.bpf.c) and of a recorded file. Field macros:
 *
 *   F(ctype, name, KIND, "meaning")	a number; KIND says how it is printed
 *   S(name, bytes, "meaning")		a string, NUL-padded, hostile
 *
 * Fields go widest first; a hole or a size that is no multiple of 8 does not
 * compile. Effects, at most EFFECTS_MAX for an event, in four words:
 *
 *   LINK(REL, from, to)	the relation holds from now on
 *   UNLINK(REL, from, to)	it no longer does; _ANY in place of a member
 *				means whatever is at that end
 *   CHARGE(account, pages)	signed pages go to an account
 *   NOTE(OBJ, member)		the record describes this object
 *
 * where from, to and member are members of the record; LINK with a member
 * that is 0 does nothing. Sentence templates: {field} is the field in its
 * kind's form, {container} the container's short id; other text stands for
 * itself; a part in [brackets] is left out when its field, or the container
 * that it names, is 0 or empty.
 *
 * `make expand` prints what the blocks become.
 */
#ifdef EVENT

/* ---- the life of a container ------------------------------------------- */

EVENT(open, "{container}",
	FIELDS(),
	EFFECTS(NOTE(CONTAINER, h.container)))

EVENT(release, "{container} last reference gone",
	FIELDS(),
	EFFECTS(UNLINK(WAITS, _ANY, h.container)
		UNLINK(HELD, h.container, _ANY)
		UNLINK(REF, h.container, _ANY)
		UNLINK(PENDING, h.container, _ANY)
		UNLINK(INVALIDATED, h.container, _ANY)
		UNLINK(CLEARED, h.container, _ANY)
		UNLINK(MEMBER, _ANY, h.container)
		UNLINK(PART, _ANY, h.container)))

EVENT(attach, "{container} group {group} {backed}[ = {result}]",
	FIELDS(F(__s32, result, ERRNO, "0, or a negative errno")
	       F(__u32, group, COUNT, "number of the IOMMU group")
	       F(__u32, backed, BACKED, "mdev (emulated) or IOMMU-backed")
	       F(__u32, invalid, COUNT, "ranges invalid in the container now")),
	EFFECTS())

EVENT(detach, "{container} group {group} {backed}",
	FIELDS(F(__u32, group, COUNT, "number of the IOMMU group")
	       F(__u32, backed, BACKED, "mdev (emulated) or IOMMU-backed")
	       F(__u64, closed, ID, "the container, if it was the last group and so ended an invalid range: all of them go with it; else 0")),
	EFFECTS(UNLINK(INVALIDATED, closed, _ANY)
		LINK(CLEARED, closed, h.tid)))

/* ---- what user space does to ranges ------------------------------------ */

EVENT(map, "{container} {size} at {iova}",
	FIELDS(F(__u64, iova, ADDR, "start of the range, as asked")
	       F(__u64, size, BYTES, "length, as asked")
	       F(__u64, vaddr, ADDR, "process address behind it, as asked")
	       F(__u32, flags, HEX, "flags of the call")
	       F(__u32, pad, PAD, "")),
	EFFECTS())

EVENT(unmap, "{container} {size} at {iova}",
	FIELDS(F(__u64, iova, ADDR, "start, as asked")
	       F(__u64, size, BYTES, "bytes the kernel says it unmapped")
	       F(__u64, closed, ID, "the container, if this ended its last invalid range; else 0")
	       F(__s64, uncredited, PAGES, "pages of it, charged to address spaces that no process has any more, which nobody was credited for")
	       F(__u32, flags, HEX, "flags of the call")
	       F(__u32, invalid, COUNT, "ranges still invalid afterwards")
	       F(__u32, counted, BOOL, "uncredited is known: no such address space has gone yet, or this kernel says what a range has charged (vfio_dma.locked_vm)")
	       F(__u32, pad, PAD, "")),
	EFFECTS(UNLINK(INVALIDATED, closed, _ANY)
		LINK(CLEARED, closed, h.tid)))

EVENT(invalidate, "{container} {ranges} ranges {bytes}",
	FIELDS(F(__u64, iova, ADDR, "start, as asked (0 with all)")
	       F(__u64, bytes, BYTES, "bytes the kernel says became invalid; if it could not say so (EFAULT), as asked")
	       F(__u32, ranges, COUNT, "ranges that became invalid")
	       F(__u32, invalid, COUNT, "ranges invalid afterwards")
	       F(__u32, flags, HEX, "flags of the call")
	       F(__u32, emulated, BOOL, "a mediated device is in the container")),
	EFFECTS(LINK(INVALIDATED, h.container, h.tid)))

EVENT(revalidate, "{container} {ranges} ranges at {iova}[, open {window_ns}]",
	FIELDS(F(__u64, iova, ADDR, "start of the range")
	       F(__u64, bytes, BYTES, "its length")
	       F(__u64, vaddr, ADDR, "its new process address")
	       F(__u64, window_ns, NS, "how long the container had an invalid range; 0 while it still has one or when that was not seen")
	       F(__u64, closed, ID, "the container, if no range of it is invalid any more; else 0")
	       F(__u32, ranges, COUNT, "ranges that became valid")
	       F(__u32, invalid, COUNT, "ranges still invalid")),
	EFFECTS(UNLINK(INVALIDATED, closed, _ANY)
		LINK(CLEARED, closed, h.tid)))

EVENT(refuse, "{container} {op} = {result}[, {size} at {iova}]",
	FIELDS(F(__u64, iova, ADDR, "start of what was asked for")
	       F(__u64, size, BYTES, "its length")
	       F(__u64, vaddr, ADDR, "process address that was given, or offset in the file")
	       F(__u64, page, BYTES, "what addresses must be a multiple of: the smallest page of the IOMMU; 0: not known")
	       F(__s32, result, ERRNO, "the negative errno")
	       F(__u32, op, OP, "what was refused")
	       F(__u32, invalid, COUNT, "ranges invalid at that moment")
	       F(__u32, emulated, BOOL, "a mediated device is in the container")
	       F(__u32, argsz, COUNT, "size of the argument, as the caller says")
	       F(__u32, flags, HEX, "flags of the call; set-iommu: the type that was asked for")
	       F(__u32, avail, COUNT, "ranges that could still be mapped (vfio_iommu.dma_avail)")
	       F(__u32, ioas, COUNT, "iommufd: number of the ioas")
	       F(__u32, group, COUNT, "attach (of type1), bind: IOMMU group number")
	       F(__u32, driven, COUNT, "attach (of type1), bind: devices of the group that a driver of the kernel's has; 0: none, or not known")
	       F(__u32, compat, BOOL, "iommufd: by one of VFIO's own calls, so that argsz and flags are that call's")
	       F(__u32, pad, PAD, "")),
	EFFECTS())

EVENT(because, "{text}",
	FIELDS(S(text, 240, "which check failed, and the numbers it failed by")),
	EFFECTS())

/* ---- what drivers do with ranges --------------------------------------- */

EVENT(pin, "{container} {size} at {iova} by {device_name}",
	FIELDS(F(__u64, iova, ADDR, "start")
	       F(__u64, size, BYTES, "length")
	       F(__u64, device, ID, "the device")
	       F(__s64, result, COUNT, "pages pinned")
	       S(device_name, 40, "name of the device")),
	EFFECTS())

EVENT(unpin, "{container} {size} at {iova} by {device_name}",
	FIELDS(F(__u64, iova, ADDR, "start")
	       F(__u64, size, BYTES, "length")
	       F(__u64, device, ID, "the device")
	       S(device_name, 40, "name of the device")),
	EFFECTS())

EVENT(dma_rw, "{container} {op} {size} at {iova} by {device_name}",
	FIELDS(F(__u64, iova, ADDR, "start")
	       F(__u64, size, BYTES, "length")
	       F(__u64, device, ID, "the device")
	       F(__u32, op, OP, "read or write")
	       F(__u32, pad, PAD, "")
	       S(device_name, 40, "name of the device")),
	EFFECTS())

/* ---- waiting ----------------------------------------------------------- */

EVENT(block, "{container} {op}[ {size} at {iova}][, work {func} on {wq_name}]",
	FIELDS(F(__u64, iova, ADDR, "start of what the thread wants")
	       F(__u64, size, BYTES, "its length; 0 if not known")
	       F(__u64, device, ID, "the device it works for, if known")
	       F(__u64, work, ID, "the work item it runs, if a kernel worker")
	       F(__u64, wq, ID, "the work item's workqueue")
	       F(__u32, op, OP, "pin, read, write, attach; unknown if it blocked before we looked")
	       F(__u32, class, CLASS, "kernel worker, kthread or user thread")
	       S(func, 48, "function of the work item")
	       S(wq_name, 24, "name of the workqueue")),
	EFFECTS(LINK(WAITS, h.tid, h.container)
		LINK(RUNS, work, h.tid)
		LINK(IN_WQ, work, wq)))

EVENT(unblock, "{container} after {ns}[ = {result}]",
	FIELDS(F(__u64, iova, ADDR, "start of what the thread wanted")
	       F(__u64, ns, NS, "time spent waiting for a valid address")
	       F(__u32, op, OP, "pin, read, write, attach")
	       F(__s32, result, ERRNO, "0, or the negative errno the call ended with")),
	EFFECTS(UNLINK(WAITS, h.tid, _ANY)
		UNLINK(RUNS, _ANY, h.tid)))

EVENT(blocked, "{container} {ns}, not over",
	FIELDS(F(__u64, iova, ADDR, "start of what the thread wants")
	       F(__u64, ns, NS, "time blocked so far")),
	EFFECTS())

EVENT(flush, "{via}[ {func}][ of {wq_name}]",
	FIELDS(F(__u64, work, ID, "the work item waited for; 0 for a whole workqueue")
	       F(__u64, wq, ID, "the workqueue, when known")
	       F(__u32, via, VIA, "what the wait rests on")
	       F(__u32, pad, PAD, "")
	       S(func, 48, "function of the work item")
	       S(wq_name, 24, "name of the workqueue")),
	EFFECTS(LINK(FLUSHES, h.tid, work)
		LINK(FLUSHES_WQ, h.tid, wq)))

EVENT(flushed, "after {ns}",
	FIELDS(F(__u64, ns, NS, "time spent waiting")),
	EFFECTS(UNLINK(FLUSHES, h.tid, _ANY)
		UNLINK(FLUSHES_WQ, h.tid, _ANY)))

EVENT(queued, "work {func} of {wq_name} is queued behind another",
	FIELDS(F(__u64, work, ID, "the work item that waits for its turn")
	       F(__u64, behind, ID, "the running work item it waits for")
	       F(__u64, wq, ID, "the (ordered) workqueue")
	       S(func, 48, "function of the waiting work item")
	       S(wq_name, 24, "name of the workqueue")),
	EFFECTS(LINK(BEHIND, work, behind)))

EVENT(runs, "runs work {func}[ on {wq_name}]",
	FIELDS(F(__u64, work, ID, "the work item this kernel worker runs")
	       F(__u64, wq, ID, "its workqueue")
	       S(func, 48, "function of the work item")
	       S(wq_name, 24, "name of the workqueue")),
	EFFECTS(LINK(RUNS, work, h.tid)
		LINK(IN_WQ, work, wq)))

EVENT(lock, "[{container} ]waits for {lock_name}[ of {mm}], owned by {owner}",
	FIELDS(F(__u64, lock, ID, "the lock")
	       F(__u64, owner, TID, "thread that owns it, 0 if none was found; of an mmap_lock only who has it for writing")
	       F(__u64, mm, ID, "the address space whose mmap_lock it is; 0: it is another lock")
	       F(__u64, pages, ID, "mmap_lock: the iopt_pages whose mutex the thread holds meanwhile; 0: none (type1: the container is what it holds)")
	       F(__s64, readers, COUNT, "mmap_lock: how many have it for reading; negative: it was given back more often than it was taken")
	       F(__u64, reader, TID, "mmap_lock: the last that took it for reading, which may have given it back; 0: not known")
	       F(__u32, written, BOOL, "mmap_lock: somebody has it for writing")
	       F(__u32, ioas, COUNT, "mmap_lock: number of the ioas in which those pages were found; 0 for type1")
	       S(lock_name, 24, "what the lock is, when known")),
	EFFECTS(LINK(LOCK_WAIT, h.tid, lock)
		LINK(LOCK_OWNED, lock, owner)))

EVENT(close, "{container} {device_name}",
	FIELDS(F(__u64, device, ID, "the device")
	       S(device_name, 40, "its name")),
	EFFECTS(LINK(CLOSES, h.tid, device)
		LINK(MEMBER, device, h.container)))

EVENT(closed, "{container} after {ns}",
	FIELDS(F(__u64, device, ID, "the device")
	       F(__u64, ns, NS, "how long the release took")),
	EFFECTS(UNLINK(CLOSES, h.tid, device)))

EVENT(exec, "{file}[, locked_vm was {locked_vm}]",
	FIELDS(F(__u64, mm, ID, "the new address space; 0 if that was not seen")
	       F(__u64, old_mm, ID, "the one before")
	       F(__s64, locked_vm, PAGES, "mm_struct.locked_vm of the old one when it was left")
	       F(__s64, pinned_vm, PAGES, "mm_struct.pinned_vm of the old one, likewise")
	       S(file, 96, "what was executed")
	       S(old_comm, 16, "name of the thread before")),
	EFFECTS(LINK(IN_MM, h.tgid, mm)))

/* ---- the ledger ---------------------------------------------------------- */

EVENT(charge, "{container} {op} {pages}: {account} {before} -> {after}[ = {result}, {asked} asked][, limit {limit}]",
	FIELDS(F(__u64, mm, ID, "the address space: its locked_vm (mm), and for iommufd always its pinned_vm")
	       F(__u64, user, ID, "the user whose locked_vm it is (account user), else 0")
	       F(__u64, own_mm, ID, "address space of the thread that made the call; 0: it has none")
	       F(__u64, device, ID, "the device whose driver pins or unpins; 0: it is not about a single one")
	       F(__u64, iova, ADDR, "start of what the call is about, as asked")
	       F(__u64, size, BYTES, "its length")
	       F(__u64, limit, BYTES, "RLIMIT_MEMLOCK that refused it; 0: none did")
	       F(__s64, pages, PAGES, "pages charged, negative: credited; 0: refused")
	       F(__s64, asked, PAGES, "pages asked for: those of a refused charge, else as pages")
	       F(__s64, before, PAGES, "the counter it goes to, before")
	       F(__s64, after, PAGES, "and after; negative: it wrapped, and shows as 2^64 less")
	       F(__s64, pinned_vm, PAGES, "mm_struct.pinned_vm after")
	       F(__s64, users, COUNT, "mm_struct.mm_users: 0 once no process has it any more")
	       F(__u64, age_ns, NS, "how long before this record the counters were read: the call went on meanwhile")
	       F(__u64, span_ns, NS, "how long before this record the first of the charges in it was made")
	       F(__u32, calls, COUNT, "charges of one call that this sums up")
	       F(__u32, account, ACCOUNT, "which counter: mm and user locked_vm; none: pinned_vm of the mm alone")
	       F(__u32, op, OP, "the call it was made in; other: none of VFIO's or iommufd's")
	       F(__s32, result, ERRNO, "0, or why it was refused")
	       F(__u32, exempt, BOOL, "no limit holds for it: CAP_IPC_LOCK")
	       F(__u32, iommufd, BOOL, "iommufd made it: pinned_vm goes along")),
	EFFECTS(CHARGE(mm, pages)))

EVENT(change_process, "{container} its charges go to the caller[ = {result}]",
	FIELDS(F(__u64, mm, ID, "address space of the caller")
	       F(__s32, result, ERRNO, "0, or why it was refused")
	       F(__u32, pad, PAD, "")),
	EFFECTS())

EVENT(mm_gone, "address space {mm} has no process any more[, locked_vm {locked_vm}][, pinned_vm {pinned_vm}]",
	FIELDS(F(__u64, mm, ID, "the address space")
	       F(__s64, locked_vm, PAGES, "mm_struct.locked_vm at its end: of what is still pinned, or a residue")
	       F(__s64, pinned_vm, PAGES, "mm_struct.pinned_vm at its end")
	       F(__u32, exiting, BOOL, "by a process that ended; else by an exec, or by somebody who only looked into it")
	       F(__u32, pad, PAD, "")),
	EFFECTS(UNLINK(IN_MM, _ANY, mm)))

/* ---- the state of a standing system (snapshot.bpf.c) -------------------- */

EVENT(container, "{container} {ranges} ranges, {invalid} invalid",
	FIELDS(F(__u64, file, ID, "its file, 0 if none was found")
	       F(__u64, refs, COUNT, "reference count of the file")
	       F(__u32, kref, COUNT, "references to the container itself: file and groups")
	       F(__u32, groups, COUNT, "groups in it")
	       F(__u32, ranges, COUNT, "ranges found; of iommufd: areas of all its ioases")
	       F(__u32, invalid, COUNT, "ranges whose address is invalid, as the kernel counts")
	       F(__u32, waiters, COUNT, "threads on its wait queue")
	       F(__u32, has_file, BOOL, "the file was found, in a table or a pending release")
	       F(__u32, unstable, BOOL, "it changed while it was read, again and again")
	       F(__u32, iommu, BOOL, "a type1 IOMMU driver is set")
	       F(__u32, kind, CONTAINER, "what it is: type1, iommufd, no driver yet, another driver")
	       F(__u32, avail, COUNT, "type1: ranges that can still be mapped (vfio_iommu.dma_avail)")
	       F(__u32, ioases, COUNT, "iommufd: ioases in it")
	       F(__u32, compat_ioas, COUNT, "iommufd: number of the ioas that VFIO's own ioctls use; 0 for none")
	       F(__u32, can_wait, BOOL, "this kernel has code that waits for a valid address (vfio_iommu.vaddr_wait)")
	       F(__u32, retries, COUNT, "times it was read again because it had changed")
	       F(__u32, locks, BOOL, "it was looked at who waits for the mmap_lock of the address spaces in it")
	       F(__u32, other_locks, BOOL, "that could not be looked at: this kernel has another lock there (PREEMPT_RT)")),
	EFFECTS(NOTE(CONTAINER, h.container)))

EVENT(range, "{container} {size} at {iova}",
	FIELDS(F(__u64, id, ID, "the range")
	       F(__u64, iova, ADDR, "start")
	       F(__u64, size, BYTES, "length")
	       F(__u64, vaddr, ADDR, "process address behind it; for a file or a dma-buf: offset in it")
	       F(__u64, mm, ID, "address space its memory is taken from and charged to (vfio_dma.mm or its task's; iopt_pages.source_mm)")
	       F(__u64, file, ID, "iommufd: the memory object of the file or dma-buf it was mapped from, else 0")
	       F(__u64, pages, ID, "iommufd: the iopt_pages behind it, which areas can share; 0 for type1")
	       F(__s64, pinned, COUNT, "pages pinned for it: by mediated devices (type1), in all (iommufd: iopt_pages.npinned)")
	       F(__s64, charged, COUNT, "pages charged for it (vfio_dma.locked_vm, iopt_pages.last_npinned); -1 if this kernel does not say")
	       F(__u32, prot, HEX, "IOMMU protection bits: 1 read, 2 write")
	       F(__u32, valid, BOOL, "the address is valid")
	       F(__u32, source, SOURCE, "what was mapped: addresses of a process, a file, a dma-buf")
	       F(__u32, mapped, BOOL, "it is in an IOMMU domain, so all of it is pinned (unless it is MMIO)")
	       F(__u32, ioas, COUNT, "iommufd: number of the ioas; 0 for type1")
	       F(__u32, accesses, COUNT, "iommufd: pins by accesses (mediated devices) on it")
	       F(__u32, account, ACCOUNT, "what pins are charged to besides mm_struct.pinned_vm (iopt_pages.account_mode; type1: the mm)")
	       F(__u32, pad, PAD, "")),
	EFFECTS(LINK(PART, id, h.container)))

EVENT(reread, "{container} changed while it was read",
	FIELDS(),
	EFFECTS(UNLINK(PART, _ANY, h.container)
		UNLINK(IOAS_OF, _ANY, h.container)))

EVENT(holder, "{container} fd {fd}",
	FIELDS(F(__u64, files, ID, "the file table; threads share one")
	       F(__u64, slot, ID, "this place in the table: one reference")
	       F(__u32, fd, COUNT, "number of the descriptor in that table")
	       F(__u32, pad, PAD, "")),
	EFFECTS(LINK(HELD, h.container, files)
		LINK(REF, h.container, slot)))

EVENT(thread, "state {state}",
	FIELDS(F(__u64, files, ID, "its file table, 0 once it has none")
	       F(__u64, switches, COUNT, "context switches so far: equal in both looks means it did not run")
	       F(__u64, asleep_ns, NS, "time since it last got a CPU")
	       F(__u32, state, STATE, "task state bits")
	       F(__u32, class, CLASS, "kernel worker, kthread or user thread")
	       F(__u32, exiting, BOOL, "past the point where it could make a system call")
	       F(__u32, wait, WAIT, "what its kernel stack says it waits for")
	       S(wchan, 48, "innermost function that is not the scheduler's")),
	EFFECTS(NOTE(TASK, h.tid)
		LINK(USES, h.tid, files)))

EVENT(device, "{device_name} {backed}",
	FIELDS(F(__u64, device, ID, "the device")
	       F(__u32, group, COUNT, "number of its IOMMU group; meaningless without has_group")
	       F(__u32, open, COUNT, "times it is open")
	       F(__u32, backed, BACKED, "mdev (emulated) or IOMMU-backed")
	       F(__u32, has_group, BOOL, "it has an IOMMU group")
	       F(__u32, ioas, COUNT, "iommufd: number of the ioas it is attached to, 0 if none or not known")
	       F(__u32, cdev, BOOL, "it was opened through /dev/vfio/devices")
	       S(device_name, 40, "its name: uuid or PCI address")
	       S(vfio_name, 16, "its name as a VFIO device: vfio0; empty where this kernel has none")),
	EFFECTS(LINK(MEMBER, device, h.container)))

EVENT(pending, "{container} waits to be released by this thread",
	FIELDS(F(__u64, file, ID, "the file, which nobody uses any more")),
	EFFECTS(LINK(PENDING, h.container, h.tid)))

EVENT(stack, "{frames}",
	FIELDS(S(frames, STACK_BYTES, "function+offset, innermost first, STACK_WIDTH bytes each")),
	EFFECTS(NOTE(STACK, h.tid)))

EVENT(ioas, "{container} ioas {ioas}: {areas} areas, {domains} page tables",
	FIELDS(F(__u64, id, ID, "the ioas")
	       F(__u32, ioas, COUNT, "its number, as user space calls it")
	       F(__u32, areas, COUNT, "areas found in it")
	       F(__u32, domains, COUNT, "hwpts it feeds")
	       F(__u32, compat, BOOL, "VFIO's own ioctls on this file use it")),
	EFFECTS(NOTE(IOAS, id)
		LINK(IOAS_OF, id, h.container)))

EVENT(mm, "locked {locked_vm} pages, pinned {pinned_vm}",
	FIELDS(F(__u64, mm, ID, "the address space")
	       F(__s64, locked_vm, COUNT, "mm_struct.locked_vm in pages of 4 KiB; negative: it wrapped")
	       F(__s64, pinned_vm, COUNT, "mm_struct.pinned_vm in pages of 4 KiB; negative: it wrapped")
	       F(__s64, users, COUNT, "mm_struct.mm_users: 0 once no process has it any more")),
	EFFECTS(NOTE(MM, mm)))

EVENT(user, "uid {uid} locked {locked_vm} pages",
	FIELDS(F(__u64, user, ID, "the user")
	       F(__s64, locked_vm, COUNT, "user_struct.locked_vm in pages of 4 KiB; negative: it wrapped")
	       F(__u32, uid, COUNT, "its number in the first user namespace")
	       F(__u32, pad, PAD, "")),
	EFFECTS(NOTE(USER, user)))

EVENT(process, "may lock {soft}",
	FIELDS(F(__u64, mm, ID, "its address space; 0 once it has none")
	       F(__u64, user, ID, "the user it is charged to")
	       F(__u64, soft, BYTES, "RLIMIT_MEMLOCK, soft; 2^64-1 for none")
	       F(__u64, hard, BYTES, "RLIMIT_MEMLOCK, hard; 2^64-1 for none")
	       F(__u32, ipc_lock, BOOL, "CAP_IPC_LOCK is effective: no limit holds")
	       F(__u32, uid, COUNT, "real uid of its leader in the first user namespace")),
	EFFECTS(NOTE(PROCESS, h.tgid)
		LINK(IN_MM, h.tgid, mm)
		LINK(OF_USER, h.tgid, user)))

EVENT(program, "{exe}",
	FIELDS(F(__u64, known, BOOL, "1: these were read; 0: /proc did not let us")
	       S(exe, 128, "its program file (/proc/PID/exe)")
	       S(cgroup, 256, "its control group, of the unified hierarchy if there is one")
	       S(vm, 64, "name of the virtual machine, from the control group; empty if none was found")
	       S(pod, 48, "uid of the pod, from the control group")
	       S(box, 72, "id of the (OS) container it runs in, from the control group")),
	EFFECTS(NOTE(PROGRAM, h.tgid)))

EVENT(memory, "{backing} {path}",
	FIELDS(F(__u64, id, ID, "the vm_area_struct, or the file for memory mapped from a file")
	       F(__u64, mm, ID, "the address space it is in; 0 for memory mapped from a file")
	       F(__u64, start, ADDR, "first address")
	       F(__u64, end, ADDR, "address after the last")
	       F(__u64, offset, BYTES, "offset in the file of the first address")
	       F(__u64, inode, COUNT, "inode number of the file")
	       F(__u64, page, BYTES, "page size of hugetlbfs, else 0")
	       F(__u32, backing, BACKING, "what kind of memory it is")
	       F(__u32, dev, HEX, "device number of the file system (kernel form: major << 20 | minor)")
	       F(__u32, links, COUNT, "links to the inode; 0: deleted, or never had a name")
	       F(__u32, shared, BOOL, "MAP_SHARED")
	       S(path, 160, "path of the file from the root of its mount tree, or its name; cut from the left with ... if too long")),
	EFFECTS(NOTE(MEMORY, id)
		LINK(MEMORY_OF, id, mm)))

/* ---- what the guard decides (guard.bpf.c) --------------------------------- */

EVENT(decision, "{action} {op}[ on {container}][ {object}] = {result}[, {size} at {iova}][, group {group}][, memory {memory}][, cannot be told: {untold}][, invalid for {window_ns}]",
	FIELDS(F(__u64, iova, ADDR, "start, as asked (0 with all, and where there is none)")
	       F(__u64, size, BYTES, "length, as asked")
	       F(__s32, result, ERRNO, "the negative errno that the caller gets, or would get; 0 for what was not prevented")
	       F(__u32, rule, RULE, "the rule that it is about")
	       F(__u32, action, ACTION, "what came of it")
	       F(__u32, op, OP, "invalidate, attach (a group to a container), open (a device), exec; protect: get-map, get-program, get-link, trace (the process), remove-pins, unmount-pins; quarantined: also map, and other (any other call); quarantine-ends: unmap, revalidate, detach (a group), release (of the container); sweep: no call, the state was found by a look (not-prevented, quarantine-begins)")
	       F(__u32, flags, HEX, "flags of the call, as asked")
	       F(__u32, group, COUNT, "number of the IOMMU group; 0 where the call is about none")
	       F(__u32, invalid, COUNT, "ranges invalid in the container at that moment")
	       F(__u32, emulated, BOOL, "a mediated device is in the container, or is what would join it")
	       F(__u32, memory, BACKING, "file-backed: what is there instead of a file; unknown: nothing is mapped there, or it cannot be told, or the rule is another one")
	       F(__u32, untold, BOOL, "file-backed: whether a file is behind it could not be told")
	       F(__u64, window_ns, NS, "max-window: how long the container has had an invalid range; 0 with other rules")
	       F(__u64, object, COUNT, "protect: id of the map, program or link that somebody wants, number of the process that he would trace; else 0")),
	EFFECTS())

/* ---- about the observation itself -------------------------------------- */

EVENT(session, "{node} {release}",
	FIELDS(F(__u64, realtime_ns, COUNT, "CLOCK_REALTIME at ts_ns of this record")
	       F(__u64, history, BOOL, "1: hooks watched from here on; 0: state only")
	       F(__u64, charges, BOOL, "1: charges were watched, too")
	       S(node, 64, "host name")
	       S(release, 64, "kernel release")
	       S(boot_id, 40, "boot id")
	       S(version, 24, "version of fdpin-trace")
	       S(command, 24, "subcommand that made the records")),
	EFFECTS(NOTE(SESSION, h.type)))

EVENT(look, "look {look} ended",
	FIELDS(F(__u64, look, COUNT, "number of this look at the standing system; the begin and the end carry the same")
	       F(__u64, tasks, COUNT, "threads looked at")
	       F(__u64, end, BOOL, "0 begin, 1 end")),
	EFFECTS(NOTE(LOOK, h.type)))

EVENT(gap, "cannot see {what}: {why}",
	FIELDS(F(__u64, hooks_only, BOOL, "1: only what hooks see is missing, looks see everything; 0: looks may miss something too")
	       S(what, 64, "what is not seen")
	       S(why, 128, "why, and what would help")),
	EFFECTS(NOTE(GAP, h.ts_ns)))

EVENT(lost, "{count} records lost",
	FIELDS(F(__u64, count, COUNT, "records lost since the last such record")),
	EFFECTS(NOTE(LOST, h.type)))

EVENT(end, "{records} records, {lost} lost",
	FIELDS(F(__u64, records, COUNT, "records before this one")
	       F(__u64, lost, COUNT, "records lost in all")),
	EFFECTS(NOTE(END, h.type)))

EVENT(verdict, "{sentence}",
	FIELDS(S(name, 24, "which verdict")
	       S(answer, 16, "yes, no or cannot-tell")
	       S(level, 16, "proven or likely")
	       S(sentence, 200, "the cycle in one line")),
	EFFECTS())

#endif /* EVENT */

#ifndef FDPIN_EVENTS_H
#define FDPIN_EVENTS_H

#define FDPIN_COMM_LEN 16
/* Ids that begin so are iommufd contexts; no other id does. Their name says what they are: iommufd-91d0, vfio-3c1e. */
#define FDPIN_ID_MARK 0xffff000000000000ULL
#define FDPIN_ID_IOMMUFD 0xf10d000000000000ULL
#define STACK_WIDTH 56
#define STACK_DEPTH 16
#define STACK_BYTES 896 /* STACK_WIDTH * STACK_DEPTH */

/* How far a record can be trusted; only the first two prove (design §3). */
enum fdpin_grade {
	GRADE_OBSERVED = 0, /* a hook saw the call */
	GRADE_READ = 1,	    /* read from kernel memory */
	GRADE_INFERRED = 2, /* concluded, in BPF or in user space */
};

/* Every record starts with this; size counts the header. */
struct fdpin_hdr {
	__u32 size;
	__u16 type;	 /* enum fdpin_type */
	__u8 grade;	 /* enum fdpin_grade */
	__u8 look;	 /* 0 live; n: made by the n-th look (mod 256, never 0) */
	__u64 ts_ns;	 /* CLOCK_MONOTONIC */
	__u64 container; /* id, or 0 */
	__u32 tgid;	 /* the process, as user space calls it */
	__u32 tid;	 /* the thread */
	char comm[FDPIN_COMM_LEN];
};

/* Values of fields with a table of names; the names are in src/schema.c. */
enum fdpin_op { OP_UNKNOWN, OP_PIN, OP_READ, OP_WRITE, OP_ATTACH, OP_MAP, OP_UNMAP, OP_INVALIDATE, OP_REVALIDATE,
		OP_UNPIN, OP_DETACH, OP_RELEASE, OP_CLOSE, OP_CHANGE_PROCESS, OP_COPY, OP_OTHER, OP_OPEN, OP_EXEC,
		OP_SET_IOMMU, OP_GET_MAP, OP_GET_PROGRAM, OP_GET_LINK, OP_TRACE, OP_REMOVE_PINS, OP_UNMOUNT_PINS,
		OP_SWEEP, OP_BIND };
enum fdpin_class { CLASS_UNKNOWN, CLASS_WORKER, CLASS_KTHREAD, CLASS_USER };
enum fdpin_backed { BACKED_IOMMU, BACKED_EMULATED, BACKED_NOIOMMU };
enum fdpin_via {
	VIA_FLUSH,	     /* flush or cancel of one item, seen as a call */
	VIA_FLUSH_WQ,	     /* flush or drain of a workqueue, seen as a call */
	VIA_BARRIER,	     /* wq_barrier behind the running item */
	VIA_BARRIER_PENDING, /* wq_barrier behind an item that waits its turn */
	VIA_FLUSHER,	     /* wq_flusher whose colour covers the running item */
};
enum fdpin_container { CONTAINER_NONE, CONTAINER_TYPE1, CONTAINER_IOMMUFD, CONTAINER_NOIOMMU, CONTAINER_OTHER };
enum fdpin_account { CHARGED_UNKNOWN, CHARGED_NONE, CHARGED_USER, CHARGED_MM }; /* iopt_pages.account_mode, and 1 */
enum fdpin_source { SOURCE_USER, SOURCE_FILE, SOURCE_DMABUF };		      /* as iopt_pages.type */
enum fdpin_backing {
	BACKING_UNKNOWN,
	BACKING_ANONYMOUS,
	BACKING_MEMFD,
	BACKING_SHMEM,	  /* tmpfs file, shared anonymous or System V memory */
	BACKING_HUGETLB,  /* hugetlbfs file, memfd or anonymous; page says how big */
	BACKING_FILE,	  /* a file of another file system */
	BACKING_DMABUF,
	BACKING_GUEST_MEMFD,
	BACKING_MMIO,	  /* no pages behind it: a device's region */
};
enum fdpin_rule { RULE_MDEV_VADDR, RULE_STRICT, RULE_EXEC_PINNED, RULE_FILE_BACKED, RULE_MAX_WINDOW, RULE_PROTECT, RULE__max }; /* the rules of the guard: src/policy.h */
enum fdpin_action {
	ACTION_OFF,
	ACTION_MONITOR, /* let through; it would have been denied */
	ACTION_DENY,
	ACTION_PASSED,	/* the state that must not be was there: by what the guard let through, or past it */
	ACTION_EXEMPT,	/* let through: whoever it was had an exemption from a rule that denies */
	ACTION_QUARANTINED,	  /* refused: somebody got past the rule in this container, and what he did is not over */
	ACTION_QUARANTINE_BEGINS, /* since this call of his */
	ACTION_QUARANTINE_ENDS,	  /* with this call, whoever made it */
	ACTION__max,
};
enum fdpin_wait { WAIT_UNKNOWN, WAIT_NONE, WAIT_VADDR, WAIT_MUTEX, WAIT_COMPLETION, WAIT_FLUSH, WAIT_TIMER,
		  WAIT_MMAP_LOCK };

#define FIELDS(...) __VA_ARGS__
#define EFFECTS(...) __VA_ARGS__

enum fdpin_type {
	EV_none = 0,
#define EVENT(name, text, fields, effects) EV_##name,
#include "events.h"
#undef EVENT
	EV__max,
};

#define F(ctype, name, kind, meaning) ctype name;
#define S(name, bytes, meaning) char name[bytes];
#define EVENT(name, text, fields, effects) \
	struct ev_##name {                 \
		struct fdpin_hdr h;        \
		fields                     \
	};
#include "events.h"
#undef EVENT
#undef F
#undef S

/* No holes: a record is zeroed field by field only if there is nothing else. */
#define F(ctype, name, kind, meaning) +sizeof(ctype)
#define S(name, bytes, meaning) +(bytes)
#define EVENT(name, text, fields, effects)                                                                         \
	_Static_assert(sizeof(struct ev_##name) == sizeof(struct fdpin_hdr) fields, "hole in struct ev_" #name);   \
	_Static_assert(sizeof(struct ev_##name) % 8 == 0, "size of struct ev_" #name " is no multiple of 8");
#include "events.h"
#undef EVENT
#undef F
#undef S

#endif /* FDPIN_EVENTS_H */
