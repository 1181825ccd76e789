// SPDX-License-Identifier: GPL-2.0-only
// Takes out of the type1 driver all that keeps invalid addresses and mediated devices apart, so that a pin waits for an address again.

@ unmap_does_not_refuse @
expression iommu;
identifier wanted;
statement S;
@@
- if (wanted && !list_empty(&iommu->emulated_iommu_groups)) S

@ attach_does_not_refuse @
expression iommu;
identifier out;
@@
  vfio_iommu_type1_attach_group(...)
  {
  <...
- if (iommu->vaddr_invalid_count) goto out;
  ...>
  }

@ pin_and_rw_do_not_refuse @
expression iommu;
statement S;
@@
- if (WARN_ONCE(iommu->vaddr_invalid_count, ...)) S

@ extension_is_always_there @
expression iommu;
@@
- iommu && !vfio_iommu_has_emulated(iommu)
+ 1

@ nobody_asks_any_more @
@@
- vfio_iommu_has_emulated(...) { ... }
