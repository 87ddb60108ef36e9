//! `hugetlb`: huge pages of containers. Off unless asked for.

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;

use super::metric::{Description, Metric, describe, number, write};
use super::{Row, Shared};
use crate::sample::HugePages;

type M = Metric<HugePages>;

const METRICS: &[M] = &[
    M::gauge("container_hugetlb_usage_bytes", "Huge pages in use.", |h| number(h.usage))
        .from("v1 hugetlb.*.usage_in_bytes; v2 hugetlb.*.current", "-"),
    M::gauge("container_hugetlb_max_usage_bytes", "The most huge pages that ever were in use.", |h| {
        number(h.max_usage)
    })
    .from("v1 hugetlb.*.max_usage_in_bytes", "-"),
    M::counter("container_hugetlb_failcnt", "How often the limit of huge pages was hit.", |h| {
        number(h.failcnt)
    })
    .from("v1 hugetlb.*.failcnt; v2 hugetlb.*.events max", "-"),
];

/// What it writes.
pub fn families() -> Vec<Description> {
    describe(METRICS)
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    Box::new(HugetlbCollector { shared: shared.clone(), rows: Vec::new() })
}

struct HugetlbCollector {
    shared: Shared,
    rows: Vec<Row<HugePages>>,
}

impl Collector for HugetlbCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { shared, rows } = self;
        rows.clear();
        shared.each_container(false, |source, container| {
            rows.extend(source.huge_pages(container).into_iter().map(|pages| {
                let page_size = pages.page_size.clone();
                Row::of(container, pages).with("pagesize", page_size)
            }));
        });
        write(out, shared.detail(), METRICS, rows);
        Ok(())
    }
}
