/** `ours` with its registrations in a store on disk. */
process.env.BENCH_KEPT = 'yes';
await import('./ours.mjs');
