package clients

import (
	"context"
	"encoding/base64"

	dapr "github.com/dapr/go-sdk/client"

	"tienda/internal/fault"
)

// Attachments is the name of the output binding that keeps files: a folder, or
// object storage.
const Attachments = "attachments"

// Binder calls output bindings: the sidecar.
type Binder interface {
	InvokeBinding(ctx context.Context, in *dapr.InvokeBindingRequest) (*dapr.BindingEvent, error)
}

var errFiles = fault.New(fault.Unavailable, "attachments_unavailable", "Attachments cannot be stored or read now. Try again.")

// Files implements ticket.Files over the binding. What it has to know of
// bindings.localstorage and bindings.aws.s3 (components-contrib 1.18):
//
//   - The key is fileName to the one and key to the other: both are sent.
//   - localstorage decodes whatever happens to be base64, S3 where decodeBase64
//     says so: base64 is sent always, so that all of them keep the bytes themselves.
type Files struct{ sidecar Binder }

// NewFiles gives the files behind a sidecar.
func NewFiles(sidecar Binder) *Files { return &Files{sidecar: sidecar} }

// Put implements ticket.Files. One call of the binding.
func (f *Files) Put(ctx context.Context, key string, data []byte) error {
	_, err := f.sidecar.InvokeBinding(ctx, &dapr.InvokeBindingRequest{
		Name: Attachments, Operation: "create", Data: []byte(base64.StdEncoding.EncodeToString(data)),
		Metadata: map[string]string{"fileName": key, "key": key, "decodeBase64": "true"},
	})
	if err != nil {
		return errFiles.Because(err)
	}
	return nil
}

// Get implements ticket.Files. One call of the binding.
func (f *Files) Get(ctx context.Context, key string) ([]byte, error) {
	out, err := f.sidecar.InvokeBinding(ctx, &dapr.InvokeBindingRequest{
		Name: Attachments, Operation: "get", Metadata: map[string]string{"fileName": key, "key": key},
	})
	if err != nil {
		return nil, errFiles.Because(err)
	}
	return out.Data, nil
}
