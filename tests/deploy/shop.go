// Package deploy holds the ways to deploy the shop together: dapr.yaml, tye.yaml, the
// manifests for Kubernetes and the gateway's route table name the same apps, ports,
// components, topics and callers.
package deploy
