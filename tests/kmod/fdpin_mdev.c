// SPDX-License-Identifier: GPL-2.0-only
/*
 * fdpin_mdev.c - a mediated device that pins and reads guest memory on command
 *
 * No mdev of the kernel's samples pins a page or waits for its own work item
 * when it is closed; real drivers do both. This one does what a program tells
 * it through region 0 (see fdpin_mdev.h): one act at a time (pin, unpin,
 * dma_rw) from the caller, a work item or a kthread, and one way of waiting
 * for it in close_device. Untold it does nothing.
 *
 * The state is readable without opening the device, also while close_device
 * hangs: the attribute "fdpin_state" of the mdev takes no lock.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/idr.h>
#include <linux/iommu.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mdev.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "fdpin_mdev.h"

#define FDPIN_INSTANCES	64

struct fdpin {
	struct vfio_device vdev;	/* first: vfio_alloc_device() wants it */
	int id;

	struct workqueue_struct *own;
	struct workqueue_struct *ordered;
	struct work_struct work;	/* the act, on own, ordered or system */
	struct work_struct second;	/* queued behind it where ORDERED */
	struct work_struct other;	/* has nothing to do with the act */
	struct delayed_work dwork;	/* the act, DELAYED */
	struct task_struct *kthread;	/* the act, KTHREAD; we hold a reference */

	struct mutex start_lock;	/* one command at a time */
	struct mutex hold;		/* FDPIN_F_HOLD_MUTEX, CLOSE_MUTEX */
	struct completion ended;	/* CLOSE_COMPLETION; done when idle */
	struct completion let_go;	/* HOLD_MM is to end */
	struct fdpin_cmd cmd;		/* of the act; stable from QUEUED to DONE */
	struct fdpin_result res;
	u32 close;			/* enum fdpin_close */
	u32 unmap_flush, unmap_keep;
	pid_t closer_tid;

	spinlock_t pins_lock;
	struct list_head pins;		/* of struct fdpin_pin */
};

static const char *const op_words[] = { FDPIN_OP_LIST(FDPIN_WORD) };
static const char *const ctx_words[] = { FDPIN_CTX_LIST(FDPIN_WORD) };
static const char *const close_words[] = { FDPIN_CLOSE_LIST(FDPIN_WORD) };
static const char *const state_words[] = { FDPIN_STATE_LIST(FDPIN_WORD) };

static DEFINE_IDA(fdpin_ida);

/* ---- pages this device has pinned ------------------------------------- */

/*
 * Each as it was pinned: iommufd takes back what was pinned in one call only as
 * a whole, and keeps it for good if it is asked for a part.
 */
struct fdpin_pin {
	struct list_head node;
	unsigned long pfn, npage;
};

static void pins_add(struct fdpin *f, struct fdpin_pin *pin)
{
	spin_lock(&f->pins_lock);
	list_add(&pin->node, &f->pins);
	f->res.pinned += pin->npage;
	spin_unlock(&f->pins_lock);
}

static void pin_give_back(struct fdpin *f, struct fdpin_pin *pin)
{
	vfio_unpin_pages(&f->vdev, (dma_addr_t)pin->pfn << PAGE_SHIFT, pin->npage);
	kfree(pin);
}

/* Takes what has a page of the range off the books and gives it back to vfio. */
static bool pins_drop(struct fdpin *f, unsigned long first, unsigned long last)
{
	struct fdpin_pin *pin, *next;
	LIST_HEAD(out);

	spin_lock(&f->pins_lock);
	list_for_each_entry_safe(pin, next, &f->pins, node) {
		if (pin->pfn > last || pin->pfn + pin->npage - 1 < first)
			continue;
		list_move(&pin->node, &out);
		f->res.pinned -= pin->npage;
	}
	spin_unlock(&f->pins_lock);
	if (list_empty(&out))
		return false;
	list_for_each_entry_safe(pin, next, &out, node)
		pin_give_back(f, pin);
	return true;
}

/* ---- the acts --------------------------------------------------------- */

static unsigned long cmd_npage(const struct fdpin_cmd *cmd)
{
	return DIV_ROUND_UP(cmd->len, PAGE_SIZE);
}

static int act_pin(struct fdpin *f, const struct fdpin_cmd *cmd)
{
	struct fdpin_pin *pin = kmalloc(sizeof(*pin), GFP_KERNEL);
	unsigned long npage = cmd_npage(cmd);
	struct page **pages;
	int ret = -ENOMEM;

	pages = kcalloc(npage, sizeof(*pages), GFP_KERNEL);
	if (pin && pages)
		ret = vfio_pin_pages(&f->vdev, cmd->iova, npage,
				     IOMMU_READ | IOMMU_WRITE, pages);
	kfree(pages);
	if (ret <= 0) {
		kfree(pin);
		return ret;
	}
	f->res.bytes = ret;
	pin->pfn = cmd->iova >> PAGE_SHIFT;
	pin->npage = ret;
	pins_add(f, pin);
	return ret;
}

/* The pin that has the first page, all of it: the last of them, if it was pinned more than once. */
static int act_unpin(struct fdpin *f, const struct fdpin_cmd *cmd)
{
	unsigned long pfn = cmd->iova >> PAGE_SHIFT;
	struct fdpin_pin *pin, *found = NULL;

	spin_lock(&f->pins_lock);
	list_for_each_entry(pin, &f->pins, node) {
		if (pin->pfn <= pfn && pfn - pin->pfn < pin->npage) {
			found = pin;
			list_del(&found->node);
			f->res.pinned -= found->npage;
			break;
		}
	}
	spin_unlock(&f->pins_lock);
	if (!found)
		return -ENOENT;
	f->res.bytes = found->npage;
	pin_give_back(f, found);
	return 0;
}

static int act_dma_rw(struct fdpin *f, const struct fdpin_cmd *cmd)
{
	bool write = cmd->flags & FDPIN_F_WRITE;
	size_t i, words = DIV_ROUND_UP(cmd->len, sizeof(u64));
	u64 *data;
	int ret;

	data = kcalloc(words, sizeof(*data), GFP_KERNEL);
	if (!data)
		return -ENOMEM;
	for (i = 0; write && i < words; i++)
		data[i] = cmd->fill;
	ret = vfio_dma_rw(&f->vdev, cmd->iova, data, cmd->len, write);
	if (!ret) {
		f->res.bytes = cmd->len;
		f->res.first = data[0];
	}
	kfree(data);
	return ret;
}

/* Whoever lets it go needs no address space that is locked here. */
static int act_hold_mm(struct fdpin *f, const struct fdpin_cmd *cmd)
{
	struct mm_struct *mm = current->mm;

	if (!mm || cmd->ctx != FDPIN_CTX_CALLER)
		return -EINVAL;
	mmap_write_lock(mm);
	WRITE_ONCE(f->res.bytes, 1);
	while (cmd->delay_ms && !completion_done(&f->let_go))
		msleep(cmd->delay_ms);
	wait_for_completion(&f->let_go);
	mmap_write_unlock(mm);
	return 0;
}

static int (*const acts[FDPIN_OP_MAX])(struct fdpin *, const struct fdpin_cmd *) = {
	[FDPIN_OP_PIN]		= act_pin,
	[FDPIN_OP_UNPIN]	= act_unpin,
	[FDPIN_OP_DMA_RW]	= act_dma_rw,
	[FDPIN_OP_HOLD_MM]	= act_hold_mm,
};

/* The act itself, on whichever thread it was to run. */
static void fdpin_act(struct fdpin *f)
{
	bool hold = f->cmd.flags & FDPIN_F_HOLD_MUTEX;

	WRITE_ONCE(f->res.worker_tid, task_pid_nr(current));
	if (hold)
		mutex_lock(&f->hold);
	WRITE_ONCE(f->res.state, FDPIN_STATE_RUNNING);
	f->res.bytes = 0;
	f->res.ret = acts[f->cmd.op](f, &f->cmd);
	if (hold)
		mutex_unlock(&f->hold);
	f->res.ended++;
	/* Whoever sees DONE may read the rest of the result. */
	smp_store_release(&f->res.state, FDPIN_STATE_DONE);
	complete_all(&f->ended);
}

/* ---- who does it ------------------------------------------------------ */

/* The names of these are what an observer has to report. */

static void fdpin_work_fn(struct work_struct *work)
{
	fdpin_act(container_of(work, struct fdpin, work));
}

static void fdpin_delayed_work_fn(struct work_struct *work)
{
	fdpin_act(container_of(to_delayed_work(work), struct fdpin, dwork));
}

/* Its being queued is the point: an ordered workqueue runs it second. */
static void fdpin_second_work_fn(struct work_struct *work)
{
}

static void fdpin_other_work_fn(struct work_struct *work)
{
	struct fdpin *f = container_of(work, struct fdpin, other);

	msleep(f->cmd.other_ms);
}

static int fdpin_thread(void *data)
{
	struct fdpin *f = data;

	fdpin_act(f);
	/* Nobody else ends it: wait for kthread_stop() as the API asks. */
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static void fdpin_stop_thread(struct fdpin *f)
{
	if (!f->kthread)
		return;
	kthread_stop(f->kthread);
	put_task_struct(f->kthread);
	f->kthread = NULL;
}

static int fdpin_start_thread(struct fdpin *f)
{
	struct task_struct *t;

	fdpin_stop_thread(f);	/* the last act's, long done */
	t = kthread_create(fdpin_thread, f, "%.15s",
			   f->cmd.name[0] ? f->cmd.name : "fdpin_thread");
	if (IS_ERR(t))
		return PTR_ERR(t);
	get_task_struct(t);
	f->kthread = t;
	wake_up_process(t);
	return 0;
}

static int fdpin_dispatch(struct fdpin *f)
{
	switch (f->cmd.ctx) {
	case FDPIN_CTX_CALLER:
		fdpin_act(f);
		break;
	case FDPIN_CTX_WORK:
		queue_work(f->own, &f->work);
		break;
	case FDPIN_CTX_SYSWORK:
		schedule_work(&f->work);
		break;
	case FDPIN_CTX_DELAYED:
		queue_delayed_work(f->own, &f->dwork,
				   msecs_to_jiffies(f->cmd.delay_ms));
		break;
	case FDPIN_CTX_ORDERED:
		queue_work(f->ordered, &f->work);
		queue_work(f->ordered, &f->second);
		break;
	case FDPIN_CTX_KTHREAD:
		return fdpin_start_thread(f);
	}
	return 0;
}

static bool fdpin_busy(const struct fdpin *f)
{
	u32 state = smp_load_acquire(&f->res.state);	/* with fdpin_act() */

	return state == FDPIN_STATE_QUEUED || state == FDPIN_STATE_RUNNING;
}

static int cmd_check(const struct fdpin_cmd *cmd)
{
	u64 max = cmd->op == FDPIN_OP_DMA_RW ? FDPIN_MAX_LEN
					     : FDPIN_MAX_PAGES * PAGE_SIZE;

	if (cmd->op >= FDPIN_OP_MAX || cmd->ctx >= FDPIN_CTX_MAX ||
	    cmd->close >= FDPIN_CLOSE_MAX || cmd->flags & ~FDPIN_F_ALL)
		return -EINVAL;
	if (cmd->op != FDPIN_OP_NONE && (!cmd->len || cmd->len > max))
		return -EINVAL;
	return 0;
}

static int fdpin_command(struct fdpin *f, const struct fdpin_cmd *cmd)
{
	int ret = cmd_check(cmd);

	if (ret)
		return ret;
	if (cmd->flags & FDPIN_F_UNMAP_KEEP && !compat_is_iommufd(&f->vdev))
		return -EOPNOTSUPP;
	mutex_lock(&f->start_lock);
	if (cmd->op != FDPIN_OP_NONE && fdpin_busy(f)) {
		mutex_unlock(&f->start_lock);
		return -EBUSY;
	}
	WRITE_ONCE(f->close, cmd->close);
	WRITE_ONCE(f->unmap_flush, cmd->flags & FDPIN_F_UNMAP_FLUSH);
	WRITE_ONCE(f->unmap_keep, cmd->flags & FDPIN_F_UNMAP_KEEP);
	if (cmd->op != FDPIN_OP_NONE) {
		f->cmd = *cmd;
		f->res.started++;
		reinit_completion(&f->ended);
		reinit_completion(&f->let_go);
		WRITE_ONCE(f->res.state, FDPIN_STATE_QUEUED);
	}
	mutex_unlock(&f->start_lock);

	/* Outside the lock: the caller's own act may block for good. */
	if (cmd->op == FDPIN_OP_NONE) {
		complete_all(&f->let_go);
		return 0;
	}
	ret = fdpin_dispatch(f);
	if (ret) {
		WRITE_ONCE(f->res.state, FDPIN_STATE_IDLE);
		complete_all(&f->ended);
	}
	return ret;
}

/* ---- open and close --------------------------------------------------- */

static struct work_struct *fdpin_item(struct fdpin *f)
{
	return f->cmd.ctx == FDPIN_CTX_DELAYED ? &f->dwork.work : &f->work;
}

static struct workqueue_struct *fdpin_queue(struct fdpin *f)
{
	return f->cmd.ctx == FDPIN_CTX_ORDERED ? f->ordered : f->own;
}

static void fdpin_wait(struct fdpin *f)
{
	switch (READ_ONCE(f->close)) {
	case FDPIN_CLOSE_NOTHING:
		break;
	case FDPIN_CLOSE_FLUSH_WORK:
		flush_work(fdpin_item(f));
		break;
	case FDPIN_CLOSE_CANCEL_WORK_SYNC:
		cancel_work_sync(fdpin_item(f));
		break;
	case FDPIN_CLOSE_FLUSH_DELAYED_WORK:
		flush_delayed_work(&f->dwork);
		break;
	case FDPIN_CLOSE_CANCEL_DELAYED_WORK_SYNC:
		cancel_delayed_work_sync(&f->dwork);
		break;
	case FDPIN_CLOSE_FLUSH_WORKQUEUE:
		flush_workqueue(fdpin_queue(f));
		break;
	case FDPIN_CLOSE_DRAIN_WORKQUEUE:
		drain_workqueue(fdpin_queue(f));
		break;
	case FDPIN_CLOSE_ORDERED_SECOND:
		flush_work(&f->second);
		break;
	case FDPIN_CLOSE_OTHER_WORK:
		if (f->cmd.other_ms)
			queue_work(f->own, &f->other);
		flush_work(&f->other);
		break;
	case FDPIN_CLOSE_COMPLETION:
		wait_for_completion(&f->ended);
		break;
	case FDPIN_CLOSE_MUTEX:
		mutex_lock(&f->hold);
		mutex_unlock(&f->hold);
		break;
	case FDPIN_CLOSE_KTHREAD_STOP:
		fdpin_stop_thread(f);
		break;
	}
}

/* Nothing of ours runs after this. */
static void fdpin_quiesce(struct fdpin *f)
{
	cancel_delayed_work_sync(&f->dwork);
	cancel_work_sync(&f->work);
	cancel_work_sync(&f->second);
	cancel_work_sync(&f->other);
	fdpin_stop_thread(f);
	WRITE_ONCE(f->res.state, FDPIN_STATE_IDLE);
	complete_all(&f->ended);
}

static int fdpin_open(struct vfio_device *vdev)
{
	struct fdpin *f = container_of(vdev, struct fdpin, vdev);

	if (fdpin_busy(f))	/* left behind by a close that did not wait */
		return -EBUSY;
	fdpin_quiesce(f);
	memset(&f->cmd, 0, sizeof(f->cmd));
	memset(&f->res, 0, sizeof(f->res));
	f->close = FDPIN_CLOSE_NOTHING;
	f->unmap_flush = 0;
	f->unmap_keep = 0;
	return 0;
}

static void fdpin_close(struct vfio_device *vdev)
{
	struct fdpin *f = container_of(vdev, struct fdpin, vdev);
	u32 how = READ_ONCE(f->close);

	WRITE_ONCE(f->closer_tid, task_pid_nr(current));
	fdpin_wait(f);
	/*
	 * These two stand for a driver that does not wait for the act: the
	 * general clean-up would, so it is left to the next open or remove.
	 */
	if (how != FDPIN_CLOSE_NOTHING && how != FDPIN_CLOSE_OTHER_WORK)
		fdpin_quiesce(f);
	pins_drop(f, 0, ULONG_MAX);
	WRITE_ONCE(f->closer_tid, 0);
}

static void fdpin_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
	struct fdpin *f = container_of(vdev, struct fdpin, vdev);
	unsigned long first = iova >> PAGE_SHIFT;
	unsigned long last = (iova + length - 1) >> PAGE_SHIFT;
	int tries;

	if (READ_ONCE(f->unmap_flush))
		flush_work(fdpin_item(f));
	if (READ_ONCE(f->unmap_keep))
		return;
	/*
	 * type1 asks again at once, and BUG()s when a page is still pinned
	 * the tenth time. An act that has just pinned one needs a moment to
	 * write it down.
	 */
	for (tries = 0; tries < 20; tries++) {
		if (pins_drop(f, first, last))
			break;
		if (f->cmd.op != FDPIN_OP_PIN || !fdpin_busy(f))
			break;
		usleep_range(500, 1000);
	}
}

/* ---- region 0 and the ioctls ------------------------------------------ */

static ssize_t fdpin_read(struct vfio_device *vdev, char __user *buf,
			  size_t count, loff_t *ppos)
{
	struct fdpin *f = container_of(vdev, struct fdpin, vdev);
	struct fdpin_result res;

	if (*ppos != FDPIN_RESULT_OFF || count != sizeof(res))
		return -EINVAL;
	smp_load_acquire(&f->res.state);	/* DONE: the rest is there too */
	res = f->res;
	return copy_to_user(buf, &res, sizeof(res)) ? -EFAULT : count;
}

static ssize_t fdpin_write(struct vfio_device *vdev, const char __user *buf,
			   size_t count, loff_t *ppos)
{
	struct fdpin *f = container_of(vdev, struct fdpin, vdev);
	struct fdpin_cmd cmd;
	int ret;

	if (*ppos != FDPIN_CMD_OFF || count != sizeof(cmd))
		return -EINVAL;
	if (copy_from_user(&cmd, buf, sizeof(cmd)))
		return -EFAULT;
	ret = fdpin_command(f, &cmd);
	return ret ? ret : count;
}

static int fdpin_fill_region(struct vfio_region_info *info)
{
	if (info->index)
		return -EINVAL;
	info->offset = 0;
	info->size = FDPIN_REGION_SIZE;
	info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	return 0;
}

#ifdef HAVE_REGION_INFO_OP
static int fdpin_region_info(struct vfio_device *vdev,
			     struct vfio_region_info *info,
			     struct vfio_info_cap *caps)
{
	return fdpin_fill_region(info);
}
#endif

static long fdpin_get_region(void __user *arg)
{
	struct vfio_region_info info;
	size_t minsz = offsetofend(struct vfio_region_info, offset);
	int ret;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	ret = fdpin_fill_region(&info);
	if (ret)
		return ret;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long fdpin_get_info(void __user *arg)
{
	struct vfio_device_info info;
	size_t minsz = offsetofend(struct vfio_device_info, num_irqs);

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	info.flags = 0;
	info.num_regions = 1;
	info.num_irqs = 0;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long fdpin_ioctl(struct vfio_device *vdev, unsigned int cmd,
			unsigned long arg)
{
	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return fdpin_get_info((void __user *)arg);
	case VFIO_DEVICE_GET_REGION_INFO:
		return fdpin_get_region((void __user *)arg);
	}
	return -ENOTTY;
}

/* ---- life of an instance ---------------------------------------------- */

static int fdpin_init_dev(struct vfio_device *vdev)
{
	struct fdpin *f = container_of(vdev, struct fdpin, vdev);

	f->id = ida_alloc(&fdpin_ida, GFP_KERNEL);
	if (f->id < 0)
		return f->id;
	f->own = alloc_workqueue("fdpin_own_%d", COMPAT_WQ_BOUND, 0, f->id);
	f->ordered = alloc_ordered_workqueue("fdpin_ordered_%d", 0, f->id);
	if (!f->own || !f->ordered) {
		if (f->own)
			destroy_workqueue(f->own);
		ida_free(&fdpin_ida, f->id);
		return -ENOMEM;
	}
	INIT_WORK(&f->work, fdpin_work_fn);
	INIT_WORK(&f->second, fdpin_second_work_fn);
	INIT_WORK(&f->other, fdpin_other_work_fn);
	INIT_DELAYED_WORK(&f->dwork, fdpin_delayed_work_fn);
	mutex_init(&f->start_lock);
	mutex_init(&f->hold);
	init_completion(&f->ended);
	init_completion(&f->let_go);
	complete_all(&f->ended);
	spin_lock_init(&f->pins_lock);
	INIT_LIST_HEAD(&f->pins);
	return 0;
}

static void fdpin_release_dev(struct vfio_device *vdev)
{
	struct fdpin *f = container_of(vdev, struct fdpin, vdev);

	destroy_workqueue(f->own);
	destroy_workqueue(f->ordered);
	mutex_destroy(&f->start_lock);
	mutex_destroy(&f->hold);
	ida_free(&fdpin_ida, f->id);
	compat_free_device(vdev);
}

static const struct vfio_device_ops fdpin_ops = {
	.name		= FDPIN_NAME,
	.init		= fdpin_init_dev,
	.release	= fdpin_release_dev,
	.open_device	= fdpin_open,
	.close_device	= fdpin_close,
	.read		= fdpin_read,
	.write		= fdpin_write,
	.ioctl		= fdpin_ioctl,
	.dma_unmap	= fdpin_dma_unmap,
#ifdef HAVE_REGION_INFO_OP
	.get_region_info_caps = fdpin_region_info,
#endif
	COMPAT_IOMMUFD_OPS
};

static ssize_t fdpin_state_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	struct fdpin *f = dev_get_drvdata(dev);
	u32 state = READ_ONCE(f->res.state);

	return sysfs_emit(buf,
		"id=%d state=%s op=%s ctx=%s close=%s worker_tid=%u closer_tid=%d started=%u ended=%u ret=%d pinned=%u\n",
		f->id, state_words[state], op_words[f->cmd.op],
		ctx_words[f->cmd.ctx], close_words[READ_ONCE(f->close)],
		READ_ONCE(f->res.worker_tid), READ_ONCE(f->closer_tid),
		READ_ONCE(f->res.started), READ_ONCE(f->res.ended),
		READ_ONCE(f->res.ret), READ_ONCE(f->res.pinned));
}
static DEVICE_ATTR_RO(fdpin_state);

static struct attribute *fdpin_attrs[] = {
	&dev_attr_fdpin_state.attr,
	NULL
};
ATTRIBUTE_GROUPS(fdpin);

static int fdpin_probe(struct mdev_device *mdev)
{
	struct fdpin *f;
	int ret;

	f = vfio_alloc_device(fdpin, vdev, &mdev->dev, &fdpin_ops);
	if (IS_ERR(f))
		return PTR_ERR(f);
	dev_set_drvdata(&mdev->dev, f);
	ret = vfio_register_emulated_iommu_dev(&f->vdev);
	if (ret)
		vfio_put_device(&f->vdev);
	return ret;
}

static void fdpin_remove(struct mdev_device *mdev)
{
	struct fdpin *f = dev_get_drvdata(&mdev->dev);

	vfio_unregister_group_dev(&f->vdev);
	fdpin_quiesce(f);
	vfio_put_device(&f->vdev);
}

static struct mdev_driver fdpin_driver = {
	.device_api	= FDPIN_NAME,
	.max_instances	= FDPIN_INSTANCES,
	.probe		= fdpin_probe,
	.remove		= fdpin_remove,
	.driver = {
		.name		= FDPIN_NAME,
		.owner		= THIS_MODULE,
		.mod_name	= KBUILD_MODNAME,
		.dev_groups	= fdpin_groups,
	},
};

/* ---- the parent they hang off, and the module ------------------------- */

static struct mdev_type fdpin_type = {
	.sysfs_name	= FDPIN_TYPE,
	.pretty_name	= "pins and reads memory on command",
};

static struct mdev_type *fdpin_types[] = { &fdpin_type };

static struct class fdpin_class = { .name = FDPIN_NAME };

static struct mdev_parent fdpin_parent;

/* Static like the module; the device core wants to be told that it knows. */
static void fdpin_parent_release(struct device *dev)
{
}

static struct device fdpin_dev = {
	.class		= &fdpin_class,
	.release	= fdpin_parent_release,
};

static int __init fdpin_init(void)
{
	int ret;

	ret = class_register(&fdpin_class);
	if (ret)
		return ret;
	ret = mdev_register_driver(&fdpin_driver);
	if (ret)
		goto out_class;
	dev_set_name(&fdpin_dev, FDPIN_NAME);
	ret = device_register(&fdpin_dev);
	if (ret) {
		put_device(&fdpin_dev);
		goto out_driver;
	}
	ret = mdev_register_parent(&fdpin_parent, &fdpin_dev, &fdpin_driver,
				   fdpin_types, ARRAY_SIZE(fdpin_types));
	if (!ret)
		return 0;

	device_unregister(&fdpin_dev);
out_driver:
	mdev_unregister_driver(&fdpin_driver);
out_class:
	class_unregister(&fdpin_class);
	return ret;
}

static void __exit fdpin_exit(void)
{
	mdev_unregister_parent(&fdpin_parent);
	device_unregister(&fdpin_dev);
	mdev_unregister_driver(&fdpin_driver);
	class_unregister(&fdpin_class);
	ida_destroy(&fdpin_ida);
}

module_init(fdpin_init);
module_exit(fdpin_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Test device that pins and reads guest memory on command");
