{{- /* Names, labels and images. */ -}}

{{- define "directory.labels" -}}
{{- $root := index . 0 -}}{{- $component := index . 1 -}}
{{- $labels := dict
  "app.kubernetes.io/name" (eq $component "operator" | ternary "directory-operator" "company-directory")
  "app.kubernetes.io/component" $component
  "app.kubernetes.io/part-of" "company-directory"
  "app.kubernetes.io/version" $root.Chart.AppVersion
  "app.kubernetes.io/managed-by" $root.Release.Service
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name ($root.Chart.Version | replace "+" "_")) -}}
{{- toYaml (merge $labels $root.Values.commonLabels) -}}
{{- end }}

{{- /* metadata of an object: (context, name, component, further annotations) */ -}}
{{- define "directory.metadata" -}}
{{- $root := index . 0 -}}
{{- include "directory.checks" $root -}}
name: {{ index . 1 }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "directory.labels" (list $root (index . 2)) | nindent 2 }}
{{- $annotations := merge (dict) (index . 3) $root.Values.commonAnnotations }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* metadata of an object without namespace */ -}}
{{- define "directory.clusterMetadata" -}}
{{- include "directory.metadata" . | replace (printf "namespace: %s\n" (index . 0).Release.Namespace) "" -}}
{{- end }}

{{- define "directory.operator.selector" -}}
app.kubernetes.io/name: directory-operator
{{- end }}

{{- /* Everything of the pooled fleet is called as the Secret that the operator makes for it. */ -}}
{{- define "directory.pool.name" -}}
{{ .Values.platform.name }}-pool
{{- end }}

{{- define "directory.pool.selector" -}}
app.kubernetes.io/name: company-directory
app.kubernetes.io/component: api
companydirectory.io/platform: {{ .Values.platform.name }}
{{- end }}

{{- define "directory.image" -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default (index . 0).Chart.AppVersion }}
{{- end }}
{{- end }}

{{- define "directory.pool.endpoint" -}}
http://{{ include "directory.pool.name" . }}.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end }}

{{- define "directory.wildcard.secret" -}}
{{- if .Values.route.tlsSecretName -}}
{{ .Values.route.tlsSecretName }}
{{- else if .Values.route.certificate.enabled -}}
{{ .Values.platform.name }}-wildcard-tls
{{- end }}
{{- end }}

{{- define "directory.migrations.selector" -}}
app.kubernetes.io/name: company-directory
app.kubernetes.io/component: migrations
companydirectory.io/platform: {{ .Values.platform.name }}
{{- end }}

{{- define "directory.tests.selector" -}}
app.kubernetes.io/name: company-directory
app.kubernetes.io/component: tests
{{- end }}

{{- /* metadata of a ServiceMonitor, with the labels that a Prometheus selects by */ -}}
{{- define "directory.monitorMetadata" -}}
{{- $root := index . 0 -}}
{{- $metadata := include "directory.metadata" (list $root (index . 1) (index . 2) dict) | fromYaml -}}
{{- $_ := set $metadata "labels" (merge $metadata.labels $root.Values.serviceMonitor.labels) -}}
{{- toYaml $metadata -}}
{{- end }}

{{- /* Pods of hooks that speak to the Kubernetes API. */ -}}
{{- define "directory.hooks.selector" -}}
app.kubernetes.io/name: company-directory
app.kubernetes.io/component: hooks
{{- end }}
