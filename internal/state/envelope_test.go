package state

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEncodeIsMarshal(t *testing.T) {
	data, err := json.Marshal(map[string]any{"name": "<Ñ> & \u2028", "list": []int{1, 2}, "none": nil})
	require.NoError(t, err)
	for name, e := range map[string]envelope{
		"a document": {Version: 1, Commit: "c", Data: data},
		"null":       {Version: 1, Commit: "c", Data: json.RawMessage(`null`)},
		"gone":       {Version: 2, Commit: "c", Past: []string{"b"}, Gone: true},
		"with events": {Version: 3, Commit: "c", Past: []string{"b", "a"}, Data: data,
			Pending: []pending{{Commit: "c", Entry: "e", Events: []json.RawMessage{data}}}},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := json.Marshal(e)
			require.NoError(t, err)
			got, err := e.encode()
			require.NoError(t, err)
			require.Equal(t, string(want), string(got))
		})
	}
}
