package country

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestValid(t *testing.T) {
	for code, want := range map[string]bool{
		"ES": true, "DE": true, "GB": true, "US": true,
		"": false, "es": false, "ESP": false, "ZZ": false, "XX": false, "QQ": false, "419": false,
	} {
		require.Equal(t, want, Valid(code), "%q", code)
	}
}
