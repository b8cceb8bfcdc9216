output "nodes" {
  description = "Every node, keyed by name. public_ip is null where the node has none."
  value = {
    for node, instance in aws_instance.node : node => {
      # By its name: of a node that is to go, the variables say nothing any more.
      role          = split("-", node)[0]
      instance_id   = instance.id
      instance_type = instance.instance_type
      zone          = instance.availability_zone
      private_ip    = instance.private_ip
      public_ip     = try(var.elastic_ips[node].public_ip, instance.public_ip != "" ? instance.public_ip : null)
    }
  }

  # A later stage goes to the address at once, so it must lead to the node by then.
  depends_on = [aws_eip_association.manager]
}

output "node_security_group_ids" {
  description = "Security groups: node (every node has it; what others should let in), manager and worker."
  value = {
    node    = aws_security_group.node.id
    manager = aws_security_group.manager.id
    worker  = aws_security_group.worker.id
  }
}

output "ssh_user" {
  description = "User to sign in as."
  value       = var.ssh_user
}

output "ssh_public_key" {
  description = "Public key that new nodes boot with."
  value       = aws_key_pair.this.public_key
}
