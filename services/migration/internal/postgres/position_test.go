package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/source"
)

// A position behind the header of an empty page is that of the page's begin: the stream never
// comes further until something is written there.
func TestLastEnd(t *testing.T) {
	const page, segment = 8192, 16 << 20
	for at, want := range map[source.Position]source.Position{
		7*page + 24: 7 * page, 7*page + 40: 7*page + 40, 7*page + 32: 7*page + 32, 7 * page: 7 * page,
		3*segment + 40: 3 * segment, 3*segment + 48: 3*segment + 48, 3 * segment: 3 * segment,
	} {
		require.Equal(t, want, lastEnd(at, page, segment))
	}
}

// The numbers of transactions wrap around; the stream has 32 bits of them.
func TestVisible(t *testing.T) {
	var v visible
	require.False(t, v.sees(3), "before anything is known")
	require.NoError(t, v.parse("100:110:100,105"))
	for xid, want := range map[uint32]bool{99: true, 100: false, 101: true, 105: false, 109: true, 110: false, 111: false} {
		require.Equal(t, want, v.sees(xid), xid)
	}
	require.NoError(t, v.parse("4294967290:4294967300:4294967299"))
	for xid, want := range map[uint32]bool{4294967289: true, 4294967295: true, 2: true, 3: false, 4: false, 5: false} {
		require.Equal(t, want, v.sees(xid), xid)
	}
	require.Error(t, v.parse("1:2"))
	require.Error(t, v.parse("1:x:"))
	require.Error(t, v.parse("1:2:x"))
}
