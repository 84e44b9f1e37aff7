package sidecar

import (
	"context"
	"path"

	"tienda/internal/trace"
)

// spanOf begins the span of a call of the sidecar's API, named like its method and the
// component that it is for: "GetState orders-state".
func spanOf(ctx context.Context, method string, req any) (context.Context, trace.Span) {
	component, topic := "", ""
	switch r := req.(type) {
	case interface{ GetStoreName() string }:
		component = r.GetStoreName()
	case interface {
		GetPubsubName() string
		GetTopic() string
	}:
		component, topic = r.GetPubsubName(), r.GetTopic()
	case interface{ GetName() string }:
		component = r.GetName()
	}
	kind := trace.Client
	if topic != "" {
		kind = trace.Producer
	}
	ctx, span := trace.Start(ctx, kind, path.Base(method), component)
	span.Say("rpc.system", "grpc")
	span.Say("rpc.method", method[min(1, len(method)):])
	span.Say("dapr.component", component)
	if topic != "" {
		span.Say("messaging.destination.name", topic)
	}
	return ctx, span
}
