// Each part of the slides is a task, the last one gathers:
//   nextflow run flowrun.nf --graph $PWD/extract.yaml --slides $PWD/all.txt --out /out --parts 16
params.parts = 16

process part {
  cpus 8
  memory '6 GB'
  time '4h'
  maxRetries 3
  // Interrupted or killed: once more. A mistake in the graph (2) stays one.
  errorStrategy { task.exitStatus == 2 ? 'terminate' : 'retry' }

  input:
  val number

  output:
  val number

  script:
  """
  code=0
  flowrun run ${params.graph} --set slides=${params.slides} --set out=${params.out} --part ${number}/${params.parts} \
    --threads ${task.cpus} --memory '4 GiB' --quiet || code=\$?
  # That slides failed (1) or something was left out (3) the last run says of all.
  case \$code in 1 | 3) code=0 ;; esac
  exit \$code
  """
}

process gather {
  cpus 8
  memory '6 GB'
  time '4h'

  input:
  val numbers

  script:
  """
  flowrun run ${params.graph} --set slides=${params.slides} --set out=${params.out} --threads ${task.cpus} \
    --memory '4 GiB' --quiet || [ \$? -eq 3 ]
  """
}

workflow {
  gather(part(Channel.of(1..params.parts)).collect())
}
