// Package k8s applies the manifests of k8s/ to a real kube-apiserver with the resources of
// Dapr and External Secrets, and checks with Dapr's own packages and files what that lets
// through. `make k8s` runs it; without K8S=1 nothing is built and nothing tried.
package k8s
