/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * snapshot_iommufd.bpf.h - part of snapshot.bpf.c: one iommufd context, its
 * ioases and their areas. On a kernel without iommufd all of it is dead code.
 */

/* A function of its own is verified even where nobody can call it: its body must be dead there, too. */
#define HAS_IOMMUFD (bpf_core_type_exists(struct iommufd_ctx) && bpf_core_type_exists(struct iopt_pages))

/*
 * Object by object, and in an ioas area by area: one loop, that can stop after
 * any step and go on in another call, as all areas of a context do not fit the
 * ring.
 */
struct ctx_walk {
	struct tree_walk t; /* of the ioas it is in; done when it is in none */
	__u64 container, hash;
	__u64 area_hash; /* of the areas of that ioas so far */
	__u64 ioas;	 /* that ioas; 0 when the next object is to be looked at */
	__u64 compat;	 /* the one that VFIO's ioctls use */
	__u64 area, pages, start, last; /* the area it is at, as it was read */
	__u32 number;	 /* its number */
	__u32 here;	 /* areas of that ioas that map something */
	__u32 areas, ioases;
	__u32 emit;
	__u32 over;
};

/* The file that pages were mapped from, also that of a dma-buf; NULL: from addresses. */
static __always_inline const struct file *file_of_pages(const struct iopt_pages *pages)
{
	if (bpf_core_field_exists(pages->file) && BPF_CORE_READ(pages, type) == PAGES_OF_FILE)
		return BPF_CORE_READ(pages, file);
	if (bpf_core_field_exists(pages->dmabuf) && BPF_CORE_READ(pages, type) == PAGES_OF_DMABUF)
		return BPF_CORE_READ(pages, dmabuf.attach, dmabuf, file);
	return NULL;
}

/* What the records of a look say about pages besides: whose memory they are, and which file. */
static __always_inline void about_pages(const struct iopt_pages *pages)
{
	on_mm(BPF_CORE_READ(pages, source_mm));
	on_user(BPF_CORE_READ(pages, source_user));
	on_mapped_file(file_of_pages(pages));
}

/* Like the end of an ioas a function of its own, so that it is verified once and not for each way that leads to it. */
__noinline int show_area(struct ctx_walk *w)
{
	struct iopt_pages *pages;
	struct iopt_area *area;
	struct ev_range *e;
	__u64 offset;

	if (!w || !HAS_IOMMUFD)
		return 0;
	pages = (void *)w->pages;
	area = (void *)w->area;
	e = EV_BEGIN_FOUND(range, w->container);
	if (!e)
		return 0;
	e->id = object_id(area);
	e->iova = w->start;
	e->size = w->last - w->start + 1;
	e->ioas = w->number;
	e->prot = BPF_CORE_READ(area, iommu_prot);
	e->accesses = BPF_CORE_READ(area, num_accesses);
	e->mapped = BPF_CORE_READ(area, storage_domain) != NULL;
	e->valid = 1; /* there is no other state here */
	e->pages = object_id(pages);
	e->pinned = BPF_CORE_READ(pages, npinned);
	e->charged = BPF_CORE_READ(pages, last_npinned);
	e->account = BPF_CORE_READ(pages, account_mode) + CHARGED_NONE;
	e->mm = object_id(BPF_CORE_READ(pages, source_mm));
	offset = ((__u64)BPF_CORE_READ(area, pages_node.start) << PAGE_SHIFT) + BPF_CORE_READ(area, page_offset);
	if (bpf_core_field_exists(pages->type))
		e->source = BPF_CORE_READ(pages, type);
	if (e->source == SOURCE_USER)
		e->vaddr = (__u64)BPF_CORE_READ(pages, uptr) + offset;
	e->file = object_id(file_of_pages(pages));
	if (e->source == SOURCE_FILE && bpf_core_field_exists(pages->file))
		e->vaddr = BPF_CORE_READ(pages, start) + offset;
	if (e->source == SOURCE_DMABUF && bpf_core_field_exists(pages->dmabuf))
		e->vaddr = BPF_CORE_READ(pages, dmabuf.start) + offset;
	EV_END(e);
	on_pinner((void *)pages + bpf_core_field_offset(struct iopt_pages, mutex), w->container, object_id(pages), w->number);
	about_pages(pages);
	return 0;
}

/* Which memory: another area and other pages can have come to lie where these were. Without a branch, for the verifier: a read through NULL gives 0. */
static __always_inline __u64 what_it_maps(const struct iopt_area *area, const struct iopt_pages *pages)
{
	__u64 n = ((__u64)BPF_CORE_READ(area, pages_node.start) << PAGE_SHIFT) + BPF_CORE_READ(area, page_offset);

	n = mix(n ^ (__u64)BPF_CORE_READ(pages, uptr)); /* with files: the file, in the same place */
	if (bpf_core_field_exists(pages->start))
		n += BPF_CORE_READ(pages, start);
	return n ^ (__u64)BPF_CORE_READ(pages, source_mm);
}

static __always_inline void area_step(struct ctx_walk *w)
{
	struct rb_node *node = w->t.node;
	struct iopt_pages *pages;
	struct iopt_area *area;
	__u64 start, last;

	if (!tree_step(&w->t))
		return;
	area = (void *)node - bpf_core_field_offset(struct iopt_area, node) -
	       bpf_core_field_offset(struct interval_tree_node, rb);
	pages = BPF_CORE_READ(area, pages);
	start = BPF_CORE_READ(area, node.start);
	last = BPF_CORE_READ(area, node.last);
	w->area_hash = mix(w->area_hash ^ (__u64)area ^ start) ^ mix(last ^ (__u64)pages) ^ mix(what_it_maps(area, pages));
	if (!pages) /* addresses that are reserved: a mapping that is being made or taken away */
		return;
	w->here++;
	if (!w->emit)
		return;
	w->area = (__u64)area;
	w->pages = (__u64)pages;
	w->start = start;
	w->last = last;
	show_area(w);
}

static __always_inline void ioas_begin(struct ctx_walk *w, const struct iommufd_ioas *ioas)
{
	struct rb_node *root = BPF_CORE_READ(ioas, iopt.area_itree.rb_root.rb_node);

	w->ioas = (__u64)ioas;
	w->number = BPF_CORE_READ(ioas, obj.id);
	w->area_hash = unknown_zero;
	w->here = unknown_zero;
	tree_begin(&w->t, root);
	w->t.done = !root;
}

__noinline int ioas_end(struct ctx_walk *w)
{
	struct iommufd_ioas *ioas;
	struct ev_ioas *e;

	if (!w || !HAS_IOMMUFD)
		return 0;
	ioas = (void *)w->ioas;
	w->hash = mix(w->hash ^ w->area_hash ^ w->ioas) + w->t.n;
	w->areas += w->here;
	w->ioases++;
	w->ioas = 0;
	if (!w->emit)
		return 0;
	e = EV_BEGIN_FOUND(ioas, w->container);
	if (!e)
		return 0;
	e->id = object_id(ioas);
	e->ioas = w->number;
	e->areas = w->here;
	e->domains = count_list((void *)ioas + bpf_core_field_offset(struct iommufd_ioas, hwpt_list));
	e->compat = (__u64)ioas == w->compat;
	EV_END(e);
	return 0;
}

static long ctx_step(__u32 i, struct ctx_walk *w)
{
	struct iommufd_object *obj;

	if (!w->t.done) {
		area_step(w);
		return 0;
	}
	if (w->ioas) {
		ioas_end(w);
		return 0;
	}
	if (xa_over()) {
		w->over = 1;
		return 1;
	}
	obj = (void *)xa_next();
	if (obj && BPF_CORE_READ(obj, type) == bpf_core_enum_value(enum iommufd_object_type, IOMMUFD_OBJ_IOAS))
		ioas_begin(w, (void *)obj - bpf_core_field_offset(struct iommufd_ioas, obj));
	return 0;
}

static __always_inline void ctx_begin(struct ctx_walk *w, const struct iommufd_ctx *ctx, __u64 id, bool emit)
{
	__builtin_memset(w, 0, sizeof(*w));
	w->container = id;
	w->hash = w->here = w->areas = w->ioases = w->over = unknown_zero;
	w->ioas = unknown_zero;
	w->t.done = 1;
	w->emit = emit;
	w->compat = (__u64)BPF_CORE_READ(ctx, vfio_ioas);
	xa_begin((void *)ctx + bpf_core_field_offset(struct iommufd_ctx, objects));
}

/* One context, between the calls of read_container, and the walk that sees whether it is still what was shown. */
static struct ctx_walk reading_ctx, again_ctx;

/* In one place, for the verifier. A loop's state must be on the stack. */
__noinline int walk_ctx(struct ctx_walk *w, __u32 steps)
{
	struct ctx_walk here;

	if (!w || !HAS_IOMMUFD)
		return 0;
	here = *w;
	bpf_loop(steps, ctx_step, &here, 0);
	*w = here;
	return 0;
}

/* Records of the next areas; true when there are no more, or more than anybody can have. */
static __always_inline bool show_some_areas(struct fdpin_read_args *args, const struct iommufd_ctx *ctx)
{
	if (!args->more)
		ctx_begin(&reading_ctx, ctx, args->id, true);
	walk_ctx(&reading_ctx, tree_budget(FDPIN_RANGES_AT_ONCE));
	args->more = !reading_ctx.over && ++args->calls < MAX_CALLS;
	return !args->more;
}

static __always_inline void read_ctx(struct fdpin_read_args *args, const struct found_container *found)
{
	const struct iommufd_ctx *ctx = (void *)args->container;
	struct iommufd_ioas *compat;
	struct ev_container *e;

	args->id = container_id(ctx, CONTAINER_IOMMUFD);
	if (!show_some_areas(args, ctx))
		return;
	ctx_begin(&again_ctx, ctx, args->id, false);
	walk_ctx(&again_ctx, MAX_NODES * RB_FACTOR);
	args->unstable = !reading_ctx.over || !again_ctx.over || reading_ctx.hash != again_ctx.hash;
	if (args->unstable && !args->last)
		return;
	e = EV_BEGIN_FOUND(container, args->id);
	if (!e)
		return;
	if (found->file) {
		e->file = found->file;
		e->refs = found->refs < 0 ? 0 : found->refs;
		e->has_file = 1;
	}
	e->kind = CONTAINER_IOMMUFD;
	e->ranges = again_ctx.areas;
	e->ioases = again_ctx.ioases;
	compat = BPF_CORE_READ(ctx, vfio_ioas);
	if (compat)
		e->compat_ioas = BPF_CORE_READ(compat, obj.id);
	e->locks = has_rwsem();
	e->other_locks = !has_rwsem();
	e->unstable = args->unstable;
	e->retries = args->retries;
	EV_END(e);
}
