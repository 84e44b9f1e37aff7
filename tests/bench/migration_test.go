package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSustained(t *testing.T) {
	kept := func(rate, lag float64) Step { return Step{Asked: rate, Writes: rate, Most: lag} }
	for name, tt := range map[string]struct {
		steps []Step
		want  float64
	}{
		"none":                            {nil, 0},
		"all":                             {[]Step{kept(5, 0.1), kept(20, 0.9)}, 20},
		"the last is too much":            {[]Step{kept(5, 0.1), kept(20, 1.1)}, 5},
		"nothing counts after the first":  {[]Step{kept(5, 1.1), kept(20, 0.1)}, 0},
		"what is caught up with too late": {[]Step{kept(5, 0.1), {Asked: 20, Writes: 20, Drained: 3}}, 5},
		"what was never written":          {[]Step{kept(5, 0.1), {Asked: 20, Writes: 11}}, 5},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, sustained(tt.steps)) })
	}
}

func TestMiddle(t *testing.T) {
	require.Equal(t, 2.0, middle([]float64{9, 1, 2}))
	require.Equal(t, 4.0, middle([]float64{4}))
}
