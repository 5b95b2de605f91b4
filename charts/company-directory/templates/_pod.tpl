{{- /* What all pods have in common. */ -}}

{{- /* What the spec of every pod says: (context, the values of the part that say where it runs) */ -}}
{{- define "directory.pod.spec" -}}
{{- $values := index . 1 -}}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001 # lets the process read mounted secrets, which are mode 0440
  seccompProfile:
    type: RuntimeDefault
{{- with (index . 0).Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "directory.container.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* PostgreSQL's primary itself, for the jobs that prepare it: a pooler would be in their way. */ -}}
{{- define "directory.postgres.environment" -}}
{{- $postgres := .Values.platform.spec.postgres -}}
- {name: DIRECTORY_POSTGRES_HOST, value: {{ $postgres.host | quote }}}
- {name: DIRECTORY_POSTGRES_PORT, value: {{ $postgres.port | default 5432 | quote }}}
- {name: DIRECTORY_POSTGRES_DATABASE, value: {{ $postgres.database | default "directory" | quote }}}
- {name: DIRECTORY_POSTGRES_SSLMODE, value: {{ $postgres.sslMode | default "verify-full" | quote }}}
{{- end }}

{{- /* Hooks run before everything else of the chart and are gone when they succeeded; one that failed stays to be read. */ -}}
{{- define "directory.hook" -}}
helm.sh/hook: {{ index . 0 }}
helm.sh/hook-weight: {{ index . 1 | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
helm.sh/hook-output-log-policy: hook-failed
{{- end }}

{{- /* Labels of pods: (context, template of the labels that select them, the part's own) */ -}}
{{- define "directory.pod.labels" -}}
{{- $root := index . 0 -}}
{{- $selector := include (index . 1) $root | fromYaml -}}
{{- toYaml (merge $selector (index . 2) $root.Values.commonLabels) -}}
{{- end }}

{{- define "directory.hooks.resources" -}}
requests: {cpu: 50m, memory: 96Mi}
limits: {memory: 256Mi}
{{- end }}
