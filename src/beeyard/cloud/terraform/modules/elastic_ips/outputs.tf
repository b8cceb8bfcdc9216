output "addresses" {
  description = "The addresses, keyed by manager's name."
  value = {
    for node, eip in aws_eip.manager : node => {
      allocation_id = eip.id
      public_ip     = eip.public_ip
    }
  }
}
