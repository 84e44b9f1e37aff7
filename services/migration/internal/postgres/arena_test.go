package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Rows that an arena keeps share no byte that one of them could write over.
func TestArena(t *testing.T) {
	var a arena
	require.Equal(t, [][]byte{{}}, a.row([][]byte{{}}), "an empty text is no NULL")
	shared := []byte("first")
	one := a.row([][]byte{shared, nil, {}})
	copy(shared, "other")
	two := a.row([][]byte{make([]byte, mostText+1)})
	three := a.row([][]byte{[]byte("x")})
	require.Equal(t, [][]byte{[]byte("first"), nil, {}}, one)
	require.Len(t, two[0], mostText+1)
	_ = append(one[0], "!"...)
	_ = append(one, []byte("more"))
	require.Equal(t, [][]byte{[]byte("x")}, three)
	require.Nil(t, one[1])
	require.NotNil(t, one[2])
}
