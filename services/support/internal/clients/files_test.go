package clients

import (
	"context"
	"encoding/base64"
	"errors"
	"testing"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

// folder is a binding that keeps files, as both kinds of it do.
type folder struct {
	files map[string][]byte
	err   error
}

func (f *folder) InvokeBinding(_ context.Context, in *dapr.InvokeBindingRequest) (*dapr.BindingEvent, error) {
	name := in.Metadata["fileName"]
	switch {
	case f.err != nil:
		return nil, f.err
	case in.Name != "attachments" || name == "" || name != in.Metadata["key"]:
		return nil, errors.New("no such binding or key")
	case in.Operation == "create" && in.Metadata["decodeBase64"] == "true":
		data, err := base64.StdEncoding.DecodeString(string(in.Data))
		if err != nil {
			return nil, err
		}
		f.files[name] = data
		return &dapr.BindingEvent{}, nil
	case in.Operation == "get" && f.files[name] != nil:
		return &dapr.BindingEvent{Data: f.files[name]}, nil
	default:
		return nil, errors.New("not found")
	}
}

func TestFiles(t *testing.T) {
	f := &folder{files: map[string][]byte{}}
	files := NewFiles(f)
	for _, data := range []string{"dGVzdA==", `"quoted"`, "\x00\xff\x89PNG"} {
		require.NoError(t, files.Put(t.Context(), "k", []byte(data)))
		require.Equal(t, data, string(f.files["k"]), "the bytes themselves are kept")
		got, err := files.Get(t.Context(), "k")
		require.NoError(t, err)
		require.Equal(t, data, string(got))
	}
	_, err := files.Get(t.Context(), "none")
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	f.err = errors.New("down")
	require.ErrorIs(t, files.Put(t.Context(), "k", nil), f.err)
	require.Equal(t, fault.Unavailable, fault.KindOf(files.Put(t.Context(), "k", nil)))
}
