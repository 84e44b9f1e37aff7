package progresstest

import (
	"time"

	"tienda/internal/fault"
	"tienda/services/migration/internal/progress"
)

// Midway gives a migration in the midst of a copy at a moment, with something in every
// field.
func Midway(now time.Time) *Control {
	c := &Control{}
	c.Set(func(s *progress.Status) {
		*s = progress.Status{
			Phase: progress.Copying, Since: now.Add(-time.Minute), Waiting: "orders", WaitingWhy: "store_unavailable: Storage does not answer. Try again.", Position: 26738688, Head: 27787264,
			LagBytes: 1048576, LagSecs: 1.5, LogLeft: 1 << 30, Changes: 17, Limit: 100, Mapping: "northwind", UpdatedAt: now,
			Kinds: []progress.Kind{
				{Kind: "products", App: "catalog", Rows: 77, Copied: 77, Chunks: 1, ChunksDone: 1, Rate: 412.5, Changed: 2, Stray: 3, StrayKey: "products:11", StrayAt: now},
				{Kind: "orders", App: "orders", Rows: 830, Copied: 414, Rejected: 1, Chunks: 9, ChunksDone: 4, Rate: 120},
				{Kind: "tickets", App: "support"},
			},
			Excluded: []progress.Excluded{{Kind: "orders", Rows: 2, Reason: "test orders"}},
		}
		for i := range 60 {
			s.Lags = append(s.Lags, progress.Lag{At: now.Add(time.Duration(i-60) * 10 * time.Second), Bytes: int64(i) << 14, Seconds: float64(i%20) / 10})
		}
	})
	c.Finds(
		progress.Finding{Check: "wal_level", Level: progress.OK, Detail: "wal_level is logical"},
		progress.Finding{Check: "replica_identity", Level: progress.Warning, Table: "order_details", Column: "note", Detail: "deletions carry the key alone",
			Do: "ALTER TABLE order_details REPLICA IDENTITY FULL;"},
	)
	c.Rejected(progress.Reject{
		ID: "5c5a36b0-5d5c-5a35-9a4a-6d43a1f6f1a5", Kind: "orders", Key: "orders:10248", Code: "unmappable", Detail: "the status is none of those mapped",
		Fields: []fault.Field{{Name: "/status", Reason: "<b>lost</b> is not mapped"}}, Row: map[string]string{"order_id": "10248", "status": "<b>lost</b>"},
		Position: 26738688, Tries: 2, At: now, Values: []string{"10248"},
	})
	c.Reported(progress.Report{
		Verdict: progress.Verdict{Missing: 1, Differs: 1, Compared: 907, At: now},
		Began:   now.Add(-2 * time.Second), Ended: now, Sampled: 50, Took: 2 * time.Second,
		Kinds: []progress.KindReport{
			{Kind: "products", App: "catalog", Source: 77, Target: 77, Buckets: 64},
			{Kind: "orders", App: "orders", Source: 830, Excluded: 2, Rejected: 1, Target: 829, Buckets: 64, Unequal: 3, Again: 12, Missing: 1, Differs: 1},
		},
		Different: []progress.Difference{
			{Kind: "orders", ID: "8f14e45f-ceea-5f67-a9e3-1f5a3a2b6c11", Key: "orders:10250", What: progress.Missing},
			{Kind: "orders", ID: "c9f0f895-fb98-5b91-99f5-1fd0297e236d", Key: "orders:10251", What: progress.Different, Fields: []string{"/totals/total/amount"}},
		},
	})
	return c
}
