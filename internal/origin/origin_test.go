package origin

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNewer(t *testing.T) {
	s := Source{Key: "orders:1", Position: 5}
	require.True(t, s.Newer(nil))
	require.True(t, s.Newer(&Source{Position: 5}), "the same state is written again")
	require.True(t, s.Newer(&Source{Position: 4}))
	require.False(t, s.Newer(&Source{Position: 6}))
}

func TestDigest(t *testing.T) {
	key := []byte("a key of the sender")
	d := Digest(key, "md5", "before", "0cc175b9c0f1b6a831c399e269772661", "salt")
	require.Len(t, d, 64)
	require.Equal(t, d, Digest(key, "md5", "before", "0cc175b9c0f1b6a831c399e269772661", "salt"))
	for _, other := range []string{
		Digest([]byte("another key"), "md5", "before", "0cc175b9c0f1b6a831c399e269772661", "salt"),
		Digest(key, "md5", "after", "0cc175b9c0f1b6a831c399e269772661", "salt"),
		Digest(key, "md5", "before", "0cc175b9c0f1b6a831c399e269772661salt", ""),
		Digest(key, "md5", "before", "0cc175b9c0f1b6a831c399e269772661salt"),
	} {
		require.NotEqual(t, d, other)
	}
}
