// SPDX-License-Identifier: GPL-2.0-only
// Takes the memory accounting per mapping out of the type1 driver: no mapping knows its mm or its pages; whatever mm its task has now is charged.

@ no_members @
@@
  struct vfio_dma {
  ...
- struct mm_struct *mm;
- size_t locked_vm;
  };

@ no_change_of_owner @
@@
- vfio_change_dma_owner(...) { ... }

@ restore_moves_nothing @
expression ret;
identifier out;
@@
- ret = vfio_change_dma_owner(...);
- if (ret) goto out;

@ accounting_follows_the_task @
expression dma, async, error;
identifier mm;
@@
- mm = dma->mm;
- if (async && !mmget_not_zero(mm)) return error;
+ mm = async ? get_task_mm(dma->task) : dma->task->mm;
+ if (!mm) return error;

@ nothing_is_remembered @
expression dma, ret, pages;
@@
- if (!ret) dma->locked_vm += pages;

@ pin_and_rw_follow_the_task @
expression dma;
identifier mm;
statement S;
@@
- mm = dma->mm;
- if (!mmget_not_zero(mm)) S
+ mm = get_task_mm(dma->task);
+ if (!mm) S

@ nothing_is_held @
expression dma;
@@
- dma->mm = current->mm;
- mmgrab(dma->mm);

@ nothing_is_dropped @
expression dma;
@@
- mmdrop(dma->mm);
