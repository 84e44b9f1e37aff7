package move

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBatches(t *testing.T) {
	of := func(n, size int, heavy bool) []item {
		items := make([]item, n)
		for i := range items {
			items[i] = item{doc: make([]byte, size), heavy: heavy}
		}
		return items
	}
	for name, tt := range map[string]struct {
		items []item
		want  []int
	}{
		"none":                 {nil, nil},
		"few":                  {of(3, 10, false), []int{3}},
		"many":                 {of(450, 10, false), []int{200, 200, 50}},
		"large":                {of(5, 2<<20, false), []int{2, 2, 1}},
		"larger than all":      {of(2, 5<<20, false), []int{1, 1}},
		"with a password":      {of(120, 10, true), []int{50, 50, 20}},
		"some with a password": {append(of(100, 10, false), of(60, 10, true)...), []int{150, 10}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []int
			for _, b := range batches(tt.items) {
				got = append(got, len(b))
			}
			require.Equal(t, tt.want, got)
		})
	}
}
