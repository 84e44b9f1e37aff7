// Package k8s applies the manifests of k8s/ to a real kube-apiserver with the resources of
// Dapr and External Secrets, and checks with Dapr's own packages and files what that lets
// through. Its tests have the build tag k8s, which `make k8s` sets: they build kube-apiserver,
// and no other run of tests should seem to have done it.
package k8s
