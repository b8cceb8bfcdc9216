output "records" {
  description = "The records: name, type and values of each."
  value = [
    for record in aws_route53_record.this : {
      name   = record.name
      type   = record.type
      values = sort(record.records)
    }
  ]
}
