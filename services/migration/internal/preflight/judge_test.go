package preflight

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What one server cannot be at once is judged by its figures.
func TestJudgements(t *testing.T) {
	for _, c := range []struct {
		name string
		f    Finding
		want Status
	}{
		{"PostgreSQL 12", judgeVersion(120_022, false), Blocked},
		{"PostgreSQL 13", judgeVersion(130_000, false), OK},
		{"a standby of 15", judgeVersion(150_018, true), Blocked},
		{"a standby of 16", judgeVersion(160_001, true), Warning},
		{"replica", judgeWALLevel("replica"), Blocked},
		{"logical", judgeWALLevel("logical"), OK},
		{"no limit", judgeRoom(-1), Warning},
		{"nothing", judgeRoom(0), Blocked},
		{"little", judgeRoom(63), Blocked},
		{"some", judgeRoom(64), Warning},
		{"enough", judgeRoom(1024), OK},
		{"no senders", judgeSenders(9, 10)[0], Blocked},
	} {
		require.Equal(t, c.want, c.f.Status, c.name)
		require.NotEmpty(t, c.f.Detail, c.name)
		require.Equal(t, c.want != OK, c.f.Do != "", "%s: what to do", c.name)
	}
	require.Empty(t, judgeSenders(8, 10))
	require.Equal(t, OK, Report{}.Status())
	require.Equal(t, Warning, Report{[]Finding{{Status: Warning}, {Status: OK}}}.Status())
	require.Equal(t, Blocked, Report{[]Finding{{Status: Blocked}, {Status: Warning}}}.Status())
}
